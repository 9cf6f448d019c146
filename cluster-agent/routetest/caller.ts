import { Pool } from 'undici';
import { withDeadline, type RouteTest } from '../../common/index.js';
import type { Answer } from './check.js';

/** Sends route tests to one node directly, over connections that are kept. The owner must `close()` it. */
export class NodeCaller {
  readonly #pool: Pool;
  readonly #timeoutMs: number;

  /** `timeoutMs`: how long one answer may take. */
  constructor(node: { readonly host: string; readonly port: number }, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#pool = new Pool(`http://${node.host}:${node.port}`, {
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
  }

  /** The answer to the test's request, read to its end. Rejects when there is none in time. */
  async call(test: RouteTest, outer: AbortSignal): Promise<Answer> {
    return withDeadline(this.#timeoutMs, outer, async (signal) => {
      const { statusCode, headers, body } = await this.#pool.request({
        method: test.method,
        path: test.path,
        headers: test.headers,
        body: test.body ?? null,
        signal,
      });
      return { status: statusCode, headers, body: await body.text() };
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
