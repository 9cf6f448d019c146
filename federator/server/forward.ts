import type { IncomingMessage, ServerResponse } from 'node:http';
import httpProxy from 'http-proxy';
import { messageOf, type Logger } from '../../common/index.js';

/** Tells an instance that a request has been passed on once: it must not be passed on again. */
export const FORWARDED_HEADER = 'dharma-forwarded-by';

/** No page of the control plane takes longer to begin its answer, ms. */
const FORWARD_MS = 60_000;

/** Passes requests on: to the instance that is active, or to an agent's unix socket. The owner must `close()` it. */
export class Forwarder {
  readonly #proxy = httpProxy.createProxyServer({ proxyTimeout: FORWARD_MS, xfwd: true });
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  toInstance(request: IncomingMessage, response: ServerResponse, url: string, self: string): void {
    this.#pass(request, response, { target: url, headers: { [FORWARDED_HEADER]: self } });
  }

  /** `path` replaces the request's path and query; the operator's token stays here. */
  toAgent(request: IncomingMessage, response: ServerResponse, socketPath: string, path: string): void {
    delete request.headers.authorization;
    request.url = path;
    this.#pass(request, response, { target: { socketPath, host: 'agent', port: 80 } });
  }

  close(): void {
    this.#proxy.close();
  }

  #pass(request: IncomingMessage, response: ServerResponse, options: httpProxy.ServerOptions): void {
    this.#proxy.web(request, response, options, (error: unknown) => {
      this.#log.warn({ url: request.url, error: messageOf(error) }, 'could not pass a request on');
      if (response.headersSent) {
        response.destroy();
        return;
      }
      response.writeHead(502, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          error: {
            code: 'NOT_ANSWERING',
            message: 'the server this request was passed on to does not answer',
            remedy: 'Try again in a few seconds; see federate status',
          },
        }),
      );
    });
  }
}
