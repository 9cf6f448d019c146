import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as ask } from 'node:http';
import { createInterface } from 'node:readline';

import { afterEach, describe, expect, it } from 'vitest';

import {
  cleanUp,
  delay,
  exchange,
  lastGet,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
  type NodeConfig,
} from './proxy-harness.js';

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await cleanUp();
});

/** A node that is a process of its own, to be stopped and killed as one; its answers take 5 ms. */
async function startProcess(name: string): Promise<{ node: NodeConfig; child: ChildProcess }> {
  const program = `require('node:http').createServer({ keepAliveTimeout: 60000 }, (q, r) => { q.resume(); q.on('end', () => setTimeout(() => r.end('ok'), 5)); })
    .listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { node: { name, address: '127.0.0.1', port: Number(line) }, child };
}

/** Clients that ask one after the other over connections they keep, until told to stop; what they were answered, by status. */
function visitors(port: number, count: number): { stop: () => Promise<Map<number | string, number>> } {
  const seen = new Map<number | string, number>();
  const agent = new Agent({ keepAlive: true });
  let running = true;
  const once1 = (): Promise<number | string> =>
    new Promise((done) => {
      const request = ask({ port, host: '127.0.0.1', agent }, (response) => {
        response.resume();
        response.on('error', () => done('cut'));
        response.on('end', () => done(response.statusCode ?? 0));
      });
      request.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
      request.end();
    });
  const all = Array.from({ length: count }, async () => {
    while (running) {
      const status = await once1();
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
  });
  return {
    stop: async (): Promise<Map<number | string, number>> => {
      running = false;
      await Promise.all(all);
      agent.destroy();
      return seen;
    },
  };
}

describe('nodes', () => {
  it('killed and stalled under load cost the requests they had at most; what can be answered is, what cannot is counted', async () => {
    const nodes = await Promise.all(['a', 'b', 'c'].map(startProcess));
    const proxy = await startProxy(
      nodes.map(({ node }) => node),
      { workers: 2, limits: { upstreamTimeout: 1000, connectTimeout: 500 } },
    );
    const peer = await subscribe(proxy, {});
    const load = visitors(proxy.at, 12);
    await delay(300);
    nodes[0]!.child.kill('SIGKILL');
    await delay(300);
    nodes[1]!.child.kill('SIGSTOP');
    await delay(2000);
    nodes[1]!.child.kill('SIGCONT');
    await delay(200);
    const seen = await load.stop();
    const failed = [...seen].filter(([status]) => status !== 200);
    // Nobody is cut off: a GET goes to another node, or is told 504 by the one that stood still.
    expect(failed.filter(([status]) => status !== 504)).toEqual([]);
    expect(seen.get(504) ?? 0).toBeLessThanOrEqual(24);
    expect(seen.get(200)).toBeGreaterThan(100);
    expect((await settled(peer)).waitSumNs).toBe(0n);
    expect(peer.totals('b').errors).toBeGreaterThan(0);
  });

  it.each<[string, Parameters<typeof startRawNode>[0]]>([
    ['that never answer', (socket): unknown => socket.resume()],
    ['that end their side at once and read on', (socket): unknown => socket.end()],
    [
      'that end their side in the middle of an answer',
      (socket): unknown =>
        socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')),
    ],
    [
      'that answer by noise',
      (socket): unknown => socket.on('data', (d: Buffer) => socket.write(d.map((byte) => byte ^ 0xa5))),
    ],
    [
      'that send a head for ever',
      (socket): unknown =>
        socket.on('data', () => {
          socket.write('HTTP/1.1 200 OK\r\n');
          const more = (): void => {
            while (!socket.destroyed && socket.write(`X-${'y'.repeat(1000)}: z\r\n`));
            if (!socket.destroyed) socket.once('drain', more);
          };
          more();
        }),
    ],
    [
      'that answer before they are asked, and more than they are asked for',
      (socket): unknown => {
        const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
        socket.write(answer);
        return socket.on('data', () => socket.write(answer + answer));
      },
    ],
  ])('%s: each client gets one answer, and nothing stays open', async (name, behave) => {
    const bad = await startRawNode((socket) => void behave(socket), 'bad', true);
    const good = await startNode((_request, response) => response.end('ok'), 'good');
    const proxy = await startProxy([bad.node, good.node], {
      limits: { upstreamTimeout: 300, connectTimeout: 300 },
    });
    const peer = await subscribe(proxy, {});
    const answers = await Promise.all(Array.from({ length: 30 }, () => exchange(proxy.at, lastGet('/'))));
    // The reset of an answer that was cut short may overtake what there was of it.
    const whole = answers.filter((answer) => answer !== '' || !name.includes('middle of an answer'));
    for (const answer of whole) expect(answer).toMatch(/^HTTP\/1.1 (200 OK[^]*(ok|evil|part)|50[24] [^]*)$/);
    expect(whole.filter((answer) => answer.split('HTTP/1.1 ').length !== 2)).toEqual([]);
    await peer.configure(1, { ...proxy.config, nodes: [good.node] });
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/ok$/);
    expect((await settled(peer)).waitSumNs).toBe(0n);
    expect(proxy.child.exitCode).toBeNull();
  });
});
