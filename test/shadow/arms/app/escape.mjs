// Tries everything to reach the outside: each way that seems to work says so. What counts is what arrived there.
import { execFile, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup, Resolver } from 'node:dns/promises';
import { appendFileSync, linkSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect as http2Connect } from 'node:http2';
import { connect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { Worker } from 'node:worker_threads';

const within = (promise, ms = 3000) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error('no answer')), ms))]);
const event = (emitter, name) =>
  within(new Promise((resolve, reject) => emitter.once(name, resolve).once('error', reject)));
const run = (command, args) =>
  within(
    new Promise((resolve, reject) => execFile(command, args, (e, out) => (e ? reject(e) : resolve(out)))),
    10_000,
  );

export async function tryEverything({ hosts, tcp, udp, unix, abstract, files, pid }) {
  const ways = {};
  for (const host of hosts) {
    ways[`net ${host}`] = () =>
      event(
        connect(tcp, host).on('connect', function () {
          this.write('out');
        }),
        'connect',
      );
    ways[`http ${host}`] = () => event(get({ host, port: tcp }), 'response');
    ways[`fetch ${host}`] = () => within(fetch(`http://${host}:${tcp}/`));
    ways[`tls ${host}`] = () => event(tlsConnect(tcp, host), 'secureConnect');
    ways[`http2 ${host}`] = () => event(http2Connect(`http://${host}:${tcp}`), 'remoteSettings');
    ways[`udp ${host}`] = () =>
      new Promise((resolve, reject) => {
        const socket = createSocket('udp4');
        socket.send('out', udp, host, (e) => (socket.close(), e ? reject(e) : resolve()));
      });
    ways[`worker ${host}`] = () =>
      event(
        new Worker(
          `require('net').connect(${tcp}, '${host}').on('connect', () => process.exit(0)).on('error', (e) => { throw e; })`,
          { eval: true },
        ),
        'exit',
      ).then((code) => {
        if (code !== 0) throw new Error(`${code}`);
      });
    ways[`binding ${host}`] = () =>
      new Promise((resolve, reject) => {
        const { TCP, constants, TCPConnectWrap } = process.binding('tcp_wrap');
        const socket = new TCP(constants.SOCKET);
        const request = new TCPConnectWrap();
        request.oncomplete = (status) => (status === 0 ? resolve() : reject(new Error(`${status}`)));
        const code = socket.connect(request, host, tcp);
        if (code !== 0) reject(new Error(`${code}`));
      });
    ways[`bash ${host}`] = () => run('bash', ['-c', `echo out > /dev/tcp/${host}/${tcp}`]);
    ways[`python ${host}`] = () =>
      run('python3', [
        '-c',
        `import socket; s=socket.create_connection(("${host}",${tcp}),2); s.send(b"out")`,
      ]);
  }
  ways.unix = () =>
    event(
      connect(unix).on('connect', function () {
        this.write('out');
      }),
      'connect',
    );
  ways.abstract = () =>
    run('python3', ['-c', `import socket; s=socket.socket(socket.AF_UNIX); s.connect("\\0${abstract}")`]);
  ways.packet = () =>
    run('python3', ['-c', 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)']);
  ways.vsock = () =>
    run('python3', ['-c', 'import socket; socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)']);
  ways.dns = () => within(lookup('outside.example.test'));
  ways.resolver = () => {
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([`${hosts.at(-1)}:${udp}`]);
    return within(resolver.resolve4('outside.example.test'));
  };
  for (const file of files) {
    ways[`write ${file}`] = () => appendFileSync(file, 'out');
    ways[`shell ${file}`] = () => {
      if (spawnSync('sh', ['-c', `echo out >> '${file}'`]).status !== 0) throw new Error('refused');
    };
    ways[`link ${file}`] = () => {
      linkSync(file, `${process.env.UPLOAD_DIR}/hard`);
      writeFileSync(`${process.env.UPLOAD_DIR}/hard`, 'out');
    };
    ways[`symlink ${file}`] = () => {
      symlinkSync(file, `${process.env.UPLOAD_DIR}/soft-${files.indexOf(file)}`);
      writeFileSync(`${process.env.UPLOAD_DIR}/soft-${files.indexOf(file)}`, 'out');
    };
  }
  ways.kill = () => process.kill(pid, 'SIGUSR2');
  ways.detached = () =>
    run('sh', ['-c', `setsid sh -c 'sleep 0.2; echo out > /dev/tcp/${hosts[0]}/${tcp}' & sleep 1; false`]);

  const worked = [];
  for (const [name, way] of Object.entries(ways)) {
    try {
      await way();
      worked.push(name);
    } catch {
      // Refused, as it must be.
    }
  }
  return { ways: Object.keys(ways).length, worked };
}
