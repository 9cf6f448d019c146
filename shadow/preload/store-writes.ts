/**
 * Preload for the arms of a Node app: writes down which exchange the app writes to its stores for, document by document and
 * key by key, as the drivers send it. So an effect is told of the exchange that caused it, also where several were under
 * way. Nothing depends on it: where it tells nothing, the effects themselves have to (see effect-cause.ts).
 *
 * DHARMA_WRITES_STORES: the stores, `mongo=PORT` and `redis=PORT` with commas between. DHARMA_WRITES_LOG: where it is
 * written down, one JSON a line.
 *
 * Runs inside other people's apps: no imports but Node's own and of this folder. Needs the context preload before it.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import { openSync, writeSync } from 'node:fs';
import net from 'node:net';
import { MongoWrites } from './mongo-writes.js';
import { RespWrites } from './resp-writes.js';

/** Turns what is written on one connection into lines. */
type Reader = (bytes: Buffer) => readonly object[];

const READERS: Readonly<Record<string, () => Reader>> = {
  mongo: () => {
    const writes = new MongoWrites();
    return (bytes) => writes.feed(bytes).map(({ ids, ...write }) => ({ ...write, ids: ids.map(base64) }));
  },
  redis: () => {
    const writes = new RespWrites();
    return (bytes) =>
      writes.feed(bytes).map(({ keys, channel }) => ({
        keys: keys.map(base64),
        ...(channel === undefined ? {} : { channel: base64(channel) }),
      }));
  },
};

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}

/** Port → its reader. */
const stores = new Map(
  (process.env.DHARMA_WRITES_STORES ?? '').split(',').flatMap((store) => {
    const [name = '', port = ''] = store.split('=');
    const reader = READERS[name];
    return reader === undefined ? [] : [[Number(port), reader] as const];
  }),
);

const context = (globalThis as Record<symbol, unknown>)[Symbol.for('dharma.exchange-context')] as
  AsyncLocalStorage<{ id: string }> | undefined;

type Write = (this: net.Socket, ...args: unknown[]) => unknown;

function follow(log: number, exchanges: AsyncLocalStorage<{ id: string }>): void {
  const readers = new WeakMap<net.Socket, Reader | null>();
  const readerOf = (socket: net.Socket): Reader | null => {
    const known = readers.get(socket);
    if (known !== undefined) return known;
    // Drivers write once they are connected.
    if (socket.remotePort === undefined) return null;
    const reader = stores.get(socket.remotePort)?.() ?? null;
    readers.set(socket, reader);
    return reader;
  };
  const original = Reflect.get(net.Socket.prototype, 'write') as Write;
  const write: Write = function (chunk, ...rest) {
    const reader = readerOf(this);
    if (reader !== null) note(log, reader, bytesOf(chunk, rest[0]), exchanges.getStore()?.id);
    return original.call(this, chunk, ...rest);
  };
  Object.defineProperty(net.Socket.prototype, 'write', { value: write, writable: true, configurable: true });
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  return chunk instanceof Uint8Array
    ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    : Buffer.alloc(0);
}

/** Also what is written for no exchange is read: the next command begins where it ends. */
function note(log: number, reader: Reader, bytes: Buffer, exchange: string | undefined): void {
  const writes = reader(bytes);
  if (exchange === undefined || writes.length === 0) return;
  try {
    writeSync(log, writes.map((write) => `${JSON.stringify({ exchange, ...write })}\n`).join(''));
  } catch {
    // A full disk must not break the app: then it is told otherwise whose the write was.
  }
}

function openLog(file: string): number | undefined {
  try {
    return openSync(file, 'a', 0o600);
  } catch {
    return undefined; // The same.
  }
}

const file = process.env.DHARMA_WRITES_LOG;
if (file !== undefined && context !== undefined && stores.size > 0) {
  const log = openLog(file);
  if (log !== undefined) follow(log, context);
}
