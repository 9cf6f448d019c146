import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf, readBody, type ShadowReport } from '../../../common/index.js';
import { pagePolicy, renderPage } from '../../../shadow/index.js';
import { sameToken } from '../../home/token.js';

/** A form of one id and one reason is never longer, bytes: four for each character, and each of them encoded. */
const LARGEST_FORM = 32 * 1024;

/** What the page is made of and does. Errors are told on the page. */
export interface Reviewed {
  report(): Promise<ShadowReport>;
  accept(difference: string, reason: string): Promise<void>;
}

/**
 * The report as a page on this machine, at which differences are accepted in place. Whoever knows its address may do so:
 * it holds a key of 32 random bytes that is made anew each time. No script, no cookie, and no request that another site's
 * page makes a browser send. The owner must `close()` it.
 */
export class ReviewServer {
  readonly #server: Server;
  readonly #reviewed: Reviewed;
  readonly #key = randomBytes(32).toString('base64url');

  private constructor(reviewed: Reviewed) {
    this.#reviewed = reviewed;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else say(response, 500, messageOf(error));
      });
    });
  }

  /** On 127.0.0.1; `port` 0: a free one. Rejects with the system's error where it cannot listen. */
  static async listen(reviewed: Reviewed, port = 0): Promise<ReviewServer> {
    const review = new ReviewServer(reviewed);
    await new Promise<void>((resolve, reject) => {
      review.#server.once('error', reject);
      review.#server.listen(port, '127.0.0.1', resolve);
    });
    return review;
  }

  /** The page's address, its key in it. */
  get url(): string {
    return `${this.#origin}/${this.#key}/`;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  get #origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A name that leads to this machine would make the page a stranger's own.
    if (`http://${request.headers.host}` !== this.#origin) {
      say(response, 421, `This is ${this.#origin}.`);
      return;
    }
    const [, key = '', action, ...more] = (request.url ?? '').split('/');
    if (!sameToken(key, this.#key) || more.length > 0) say(response, 404, 'Not found.');
    else if (action === '' && request.method === 'GET') await this.#show(response, 200);
    else if (action === 'accept' && request.method === 'POST') await this.#accept(request, response);
    else say(response, 404, 'Not found.');
  }

  async #accept(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.origin !== this.#origin) {
      say(response, 403, 'Only the page itself may ask for this.');
      return;
    }
    if (Number(request.headers['content-length'] ?? Infinity) > LARGEST_FORM) {
      say(response, 413, 'A form is shorter than that.');
      return;
    }
    const form = new URLSearchParams((await readBody(request, LARGEST_FORM)).toString('utf8'));
    const difference = form.get('difference') ?? '';
    try {
      await this.#reviewed.accept(difference, form.get('reason') ?? '');
    } catch (error) {
      await this.#show(response, 400, `Not accepted: ${messageOf(error)}`);
      return;
    }
    // So that the page can be loaded again without asking twice.
    response.writeHead(303, { location: `/${this.#key}/#${encodeURIComponent(difference)}` }).end();
  }

  async #show(response: ServerResponse, status: number, notice?: string): Promise<void> {
    const page = renderPage(await this.#reviewed.report(), {
      accepting: 'here',
      ...(notice === undefined ? {} : { notice }),
    });
    response.writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': `${pagePolicy('here')}; frame-ancestors 'none'`,
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    });
    response.end(page);
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${text}\n`);
}
