import { chmodSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { serveConnection } from './connection.js';
import { Engine, type EngineOptions } from './engine.js';
import { startTtlSweeper } from './ttl.js';

export interface EmbeddedMongoOptions extends EngineOptions {
  /** Loopback address to listen on. */
  readonly host?: string;
  /** 0 picks a free port. */
  readonly port?: number;
  /** Path of a unix socket to listen on as well (mode 0600). */
  readonly socketPath?: string | undefined;
  /** Told of a bug in the server: it must not go on. The default throws, which ends the process. */
  readonly onBug?: (error: unknown) => void;
}

/** The embedded server: the engine, and the sockets it is reached by. */
export class EmbeddedMongo {
  readonly #engine: Engine;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #ttl: { readonly stop: () => void };
  readonly #onBug: (error: unknown) => void;
  readonly #socketPath: string | undefined;
  #connectionId = 0;
  #port = 0;

  private constructor(options: EmbeddedMongoOptions) {
    this.#engine = new Engine(options);
    this.#ttl = startTtlSweeper(this.#engine);
    this.#socketPath = options.socketPath;
    this.#onBug =
      options.onBug ??
      ((error) => {
        throw error;
      });
  }

  /** Opens the data and listens. Rejects with the system's error when an address is taken. */
  static async start(options: EmbeddedMongoOptions): Promise<EmbeddedMongo> {
    const mongo = new EmbeddedMongo(options);
    try {
      await mongo.#listen(options);
      return mongo;
    } catch (error) {
      await mongo.close();
      throw error;
    }
  }

  get port(): number {
    return this.#port;
  }

  async #listen({ host = '127.0.0.1', port = 0, socketPath }: EmbeddedMongoOptions): Promise<void> {
    const tcp = await this.#open((server) => server.listen(port, host));
    this.#port = (tcp.address() as AddressInfo).port;
    if (socketPath === undefined) return;
    // A socket file of a server that was killed is in the way; the data's lock is what keeps two servers apart.
    rmSync(socketPath, { force: true });
    await this.#open((server) => server.listen(socketPath));
    chmodSync(socketPath, 0o600);
  }

  async #open(listen: (server: Server) => void): Promise<Server> {
    const server = createServer((socket) => void this.#serve(socket));
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', resolve);
      listen(server);
    });
    return server;
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    this.#engine.connections += 1;
    await serveConnection(socket, this.#engine, ++this.#connectionId, this.#onBug);
    this.#engine.connections -= 1;
    this.#sockets.delete(socket);
  }

  /** Stops listening, lets the clients go, and commits what is left. */
  async close(): Promise<void> {
    this.#ttl.stop();
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
    await this.#engine.close();
    if (this.#socketPath !== undefined) rmSync(this.#socketPath, { force: true });
  }
}
