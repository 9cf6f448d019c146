import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { DharmaError, messageOf, readBody, type Logger } from '../../common/index.js';

/** Largest body taken, bytes: a proxy's config with thousands of routes stays far below. */
const LARGEST_BODY = 16 * 1024 * 1024;

export interface JsonRequest {
  /** Path segments, decoded. */
  readonly path: readonly string[];
  readonly body: unknown;
}

/** `METHOD first-segment` → what it answers. */
export type JsonHandlers = Readonly<Record<string, (request: JsonRequest) => Promise<unknown>>>;

/** A JSON server on a unix socket that only this user may open. The owner must `close()` it. */
export class UnixJsonServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Whatever stands at `socketPath` is replaced: the caller holds the lock that says it is stale. */
  static async listen(socketPath: string, handlers: JsonHandlers, log: Logger): Promise<UnixJsonServer> {
    await rm(socketPath, { force: true });
    const server = createServer((request, response) => {
      answer(request, response, handlers).catch((error: unknown) => {
        log.error({ error: messageOf(error), url: request.url }, 'request failed');
        if (!response.headersSent) send(response, 500, { error: errorJson(error) });
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketPath, resolve);
    });
    await chmod(socketPath, 0o600);
    return new UnixJsonServer(server);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handlers: JsonHandlers,
): Promise<void> {
  const path = (request.url ?? '/').slice(1).split('/').map(decodeURIComponent);
  const handler = handlers[`${request.method} ${path[0]}`];
  if (handler === undefined) {
    send(response, 404, {
      error: { code: 'NO_SUCH_PAGE', message: `no ${request.method} ${request.url}`, remedy: 'None.' },
    });
    return;
  }
  try {
    send(response, 200, await handler({ path: path.slice(1), body: await readJson(request) }));
  } catch (error) {
    if (!(error instanceof DharmaError)) throw error;
    send(response, error.httpStatus, { error: error.toJSON() });
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request, LARGEST_BODY);
  return body.length === 0 ? undefined : JSON.parse(body.toString('utf8'));
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(value === undefined ? '' : JSON.stringify(value));
}

function errorJson(error: unknown): { code: string; message: string; remedy: string } {
  if (error instanceof DharmaError) return error.toJSON();
  return { code: 'INTERNAL', message: messageOf(error), remedy: 'Look into the log: federate logs dharmad' };
}
