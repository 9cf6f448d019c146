import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../common/index.js';
import type { Arm } from '../../../shadow/arms-contract.js';
import { ArmLink } from '../../../shadow/replay/arm-link.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A server that breaks the first `cuts` requests without an answer, and the link to it. */
async function linkTo(cuts: number): Promise<{ link: ArmLink; asked: () => number }> {
  let asked = 0;
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      asked += 1;
      if (asked <= cuts) socket.destroy();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const arm = {
    name: 'new-a',
    app: { target: { host: '127.0.0.1', port }, exited: new Promise(() => undefined) },
  } as unknown as Arm;
  const link = new ArmLink(arm, createLogger('test', 'silent'));
  closers.push(
    () => link.close(),
    () => new Promise((resolve) => server.close(() => resolve())),
  );
  return { link, asked: () => asked };
}

const OPTIONS = {
  deadlineMs: 20_000,
  chunked: false,
  announceEmpty: false,
  signal: new AbortController().signal,
};
const request = (method: string): { method: string; target: string; headers: []; body: Buffer } => ({
  method,
  target: '/',
  headers: [],
  body: Buffer.alloc(0),
});

describe('a connection to an arm that breaks', () => {
  it('is no answer of the app: what changes nothing is asked once more', async () => {
    const { link, asked } = await linkTo(1);
    expect(await link.send(request('GET'), OPTIONS)).toMatchObject({ kind: 'answered' });
    expect(asked()).toBe(2);
  });

  it('is told when it breaks again', async () => {
    const { link, asked } = await linkTo(9);
    expect(await link.send(request('GET'), OPTIONS)).toMatchObject({ kind: 'failed', how: 'cut' });
    expect(asked()).toBe(2);
  });

  it('never sends twice what may have had an effect', async () => {
    const { link, asked } = await linkTo(1);
    expect(await link.send(request('POST'), OPTIONS)).toMatchObject({ kind: 'failed', how: 'cut' });
    expect(asked()).toBe(1);
  });
});
