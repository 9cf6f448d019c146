import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { accessSync, constants } from 'node:fs';
import {
  Child,
  ProxyProcess,
  baseEnv,
  createLogger,
  distPath,
  freePort,
  logTail,
  waitForAccept,
  withDeadline,
  type ProxyNode,
  type ProxyRoute,
} from '../common/index.js';

/** One of the things compared: listens on a port, and its processes' CPU time is counted. */
export interface Subject {
  readonly name: string;
  readonly port: number;
  readonly pids: () => readonly number[];
  readonly stop: () => Promise<void>;
}

/** How long a subject may take to listen, ms. */
const START_MS = 10_000;
/** Nothing of value is lost when a peer is killed. */
const STOP_MS = 2000;

/** Where a program stands, or undefined: proxies are installed where only root's PATH looks. */
export function which(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin'];
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

async function startChild(
  name: string,
  folder: string,
  port: number,
  command: string,
  args: readonly string[],
): Promise<Subject> {
  const logFile = join(folder, `${name.replace(/\W+/g, '-')}.log`);
  const child = await Child.start({ name, command, args, cwd: folder, env: baseEnv(), logFile });
  const ended = new AbortController();
  void child.exited.then(() => ended.abort(new Error('it ended')));
  try {
    await withDeadline(START_MS, ended.signal, (signal) =>
      waitForAccept({ host: '127.0.0.1', port }, signal),
    );
  } catch (error) {
    await child.stop(STOP_MS);
    throw new Error(`${name} does not listen on ${port}: ${await logTail(logFile)}`, { cause: error });
  }
  return {
    name,
    port,
    pids: () => [child.pid],
    stop: async () => {
      await child.stop(STOP_MS);
    },
  };
}

/** The C backend; its program is built by scripts/bench.mjs. */
export async function startBackend(folder: string, bodyBytes: number): Promise<Subject> {
  const program = process.env.DHARMA_BENCH_BACKEND;
  if (program === undefined) throw new Error('DHARMA_BENCH_BACKEND is not set: start this by npm run bench');
  const port = await freePort();
  return startChild('backend', folder, port, program, [String(port), String(bodyBytes)]);
}

/** Certificate and key, PEM files: the subject listens by TLS, with HTTP/2. */
export interface SubjectTls {
  readonly certificate: string;
  readonly key: string;
}

/** What is not as usual. */
export interface SubjectOptions {
  readonly tls?: SubjectTls;
  readonly routes?: readonly ProxyRoute[];
  /** Everything is an asset, stored in this folder, which need not be there. */
  readonly assets?: string;
  /** Exchanges are copied to who asks for them at `controlPath`. */
  readonly capture?: boolean;
}

/** What nginx has that is not as usual. */
export interface NginxOptions extends Pick<SubjectOptions, 'tls' | 'assets'> {
  /** Most clients and upstreams at once. */
  readonly connections?: number;
}

/** dharma-proxy with one worker and telemetry read, as an agent does it. */
export async function startDharma(
  name: string,
  folder: string,
  upstreams: readonly number[],
  { tls, routes, assets, capture = false }: SubjectOptions = {},
): Promise<Subject & { readonly controlPath: string }> {
  const runDir = join(folder, name.replace(/\W+/g, '-'));
  const nodes: ProxyNode[] = upstreams.map((port, i) => ({ name: `node-${i}`, address: '127.0.0.1', port }));
  const proxy = await ProxyProcess.start(
    {
      name,
      runDir,
      listen: [{ address: '127.0.0.1', port: 0, ...(tls === undefined ? {} : { tls: true }) }],
      workers: 1,
      settings: {
        nodes,
        drainTimeout: 100,
        capture: { enabled: capture },
        ...(routes === undefined ? {} : { routes }),
        ...(assets === undefined
          ? {}
          : { routes: [{ pattern: '/*rest', class: 'asset' as const }], cache: { diskPath: assets } }),
        ...(tls === undefined ? {} : { tls: { certificates: [tls] } }),
      },
      onTelemetry: () => undefined,
      log: createLogger('bench', 'error'),
    },
    AbortSignal.timeout(START_MS),
  );
  return {
    name,
    controlPath: proxy.controlPath,
    port: proxy.listen[0]!.port,
    pids: () => (proxy.pid === undefined ? [] : [proxy.pid]),
    stop: () => proxy.stop(),
  };
}

/** nginx with one worker, its limits on keep-alive lifted. Undefined: not installed. */
export async function startNginx(
  folder: string,
  upstream: number,
  { tls, assets, connections = 4096 }: NginxOptions = {},
): Promise<Subject | undefined> {
  const program = which('nginx');
  if (program === undefined) return undefined;
  const port = await freePort();
  const own = join(folder, 'nginx');
  await mkdir(own, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${own}/${name};`,
  );
  const config = `
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
daemon off;
pid ${own}/pid;
error_log stderr warn;
events { worker_connections ${connections}; }
http {
  access_log off;
${temporary.join('\n')}
  keepalive_requests 1000000000;
  sendfile on;
  tcp_nopush on;
${assets === undefined ? '' : `  proxy_cache_path ${assets} keys_zone=assets:10m;`}
  upstream backend { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl http2'};
${tls === undefined ? '' : `    ssl_certificate ${tls.certificate};\n    ssl_certificate_key ${tls.key};`}
    ${assets === undefined ? '' : 'proxy_cache assets;'}
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`;
  await writeFile(join(own, 'nginx.conf'), config);
  const args = ['-p', own, '-c', join(own, 'nginx.conf'), '-e', 'stderr'];
  return startChild('nginx', folder, port, program, args);
}

/** HAProxy with one thread; several upstreams are balanced by leastconn. Undefined: not installed. */
export async function startHaproxy(
  folder: string,
  upstreams: readonly number[],
): Promise<Subject | undefined> {
  const program = which('haproxy');
  if (program === undefined) return undefined;
  const port = await freePort();
  const config = `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  http-reuse always
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  balance leastconn
${upstreams.map((upstream, i) => `  server node-${i} 127.0.0.1:${upstream}`).join('\n')}
`;
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, config);
  return startChild('HAProxy', folder, port, program, ['-f', file, '-db']);
}

/** Node's http-proxy with a keep-alive agent. */
export async function startHttpProxy(folder: string, upstream: number): Promise<Subject> {
  const port = await freePort();
  const args = [distPath('bench/http-proxy.js'), String(port), String(upstream)];
  return startChild('Node http-proxy', folder, port, process.execPath, args);
}
