import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { DharmaError, messageOf, throwIfAborted } from '../../common/index.js';
import { RespReader, encodeCommands, type RespArgument, type RespReply } from './resp.js';

interface Waiting {
  readonly count: number;
  readonly resolve: (replies: RespReply[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A connection for many small commands: each batch is one write, and no command costs more than its bytes. Copying a store
 * by a client that keeps a promise a command takes several times as much CPU. The owner must `close()` it.
 */
export class RedisPipe {
  readonly #socket: Socket;
  readonly #reader = new RespReader();
  readonly #waiting: Waiting[] = [];
  #replies: RespReply[] = [];
  #ended: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the connection was closed')));
  }

  /** `uri`: `redis://…`, `rediss://…`, or the path of a unix socket. */
  static async connect(uri: string, signal: AbortSignal): Promise<RedisPipe> {
    const { socket, ready, login } = open(uri);
    try {
      await once(socket, ready, { signal });
    } catch (error) {
      socket.destroy();
      throwIfAborted(signal);
      throw error;
    }
    const pipe = new RedisPipe(socket);
    if (login.length === 0) return pipe;
    const refused = (await pipe.send([login])).find((reply) => reply instanceof Error);
    if (refused === undefined) return pipe;
    pipe.close();
    throw refused;
  }

  /** The replies, in order; what the server refused is an Error among them. Rejects when the connection ends. */
  send(commands: readonly (readonly RespArgument[])[]): Promise<RespReply[]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (commands.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ count: commands.length, resolve, reject });
      this.#socket.cork();
      for (const piece of encodeCommands(commands)) this.#socket.write(piece);
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let replies: RespReply[];
    try {
      replies = this.#reader.read(chunk);
    } catch (error) {
      this.#socket.destroy(error as Error);
      return;
    }
    for (const reply of replies) {
      this.#replies.push(reply);
      if (this.#replies.length < (this.#waiting[0]?.count ?? Infinity)) continue;
      this.#waiting.shift()!.resolve(this.#replies);
      this.#replies = [];
    }
  }

  #end(cause: Error): void {
    this.#ended ??= new DharmaError({
      code: 'CLONE_FAILED',
      message: `the connection to Redis ended while keys were copied: ${messageOf(cause)}`,
      remedy: "See that server's log; check the memory and disk of its machine.",
      cause,
    });
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}

function open(uri: string): {
  readonly socket: Socket;
  readonly ready: 'connect' | 'secureConnect';
  readonly login: readonly RespArgument[];
} {
  const path = /^(?:unix:\/\/)?(\/.*)$/.exec(uri)?.[1];
  if (path !== undefined) return { socket: connect({ path }), ready: 'connect', login: [] };
  const { protocol, hostname, port, username, password } = new URL(uri);
  const address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) };
  const names = [username, password]
    .filter((text) => text !== '')
    .map((text) => Buffer.from(decodeURIComponent(text)));
  const login = password === '' ? [] : ['AUTH', ...names];
  return protocol === 'rediss:'
    ? {
        socket: connectTls({ ...address, servername: address.host }),
        ready: 'secureConnect',
        login,
      }
    : { socket: connect(address), ready: 'connect', login };
}
