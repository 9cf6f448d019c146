import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { z } from 'zod';
import { endpointName, type Clock, type RouteConfig } from '../../common/index.js';

/** A node tells of a second: names and some dozen buckets for each endpoint. */
const LARGEST_BYTES = 4 * 1024 * 1024;
/** As the preload counts: bucket b is 2^(b/16) µs. */
const STEPS = 16;

const toldSchema = z.strictObject({
  node: z.string().max(256),
  /** By endpoint, how many requests took as long as each bucket says. */
  endpoints: z.record(
    z.string(),
    z.array(z.tuple([z.int().min(0).max(1024), z.int().min(1).max(1_000_000_000)])).max(1024),
  ),
});
type Told = z.output<typeof toldSchema>;

/**
 * How long nodes say that they took themselves, within a sliding window: what their preload (`common/preload/own-time`) tells
 * at a unix socket of its own, which answers it with the routes. Nodes that tell nothing are not heard of. The owner must
 * `close()` it.
 */
export class OwnTimes {
  readonly path: string;
  readonly #clock: Clock;
  readonly #server: Server;
  #routes: readonly RouteConfig[] = [];
  #windowMs = 0;
  #slices: { readonly at: number; readonly told: Told }[] = [];

  private constructor(path: string, clock: Clock) {
    this.path = path;
    this.#clock = clock;
    this.#server = createServer((request, response) => {
      this.#answer(request).then(
        (text) => response.end(text),
        () => response.writeHead(400).end(), // It is a node's word: what makes no sense is not taken.
      );
    });
  }

  static async open(path: string, clock: Clock): Promise<OwnTimes> {
    const times = new OwnTimes(path, clock);
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      times.#server.once('error', reject).listen(path, resolve);
    });
    await chmod(path, 0o600);
    return times;
  }

  /** The routes that nodes tell of, and for how long it is remembered, ms. */
  follow(routes: readonly RouteConfig[], windowMs: number): void {
    this.#routes = routes;
    this.#windowMs = windowMs;
  }

  /** Median of an endpoint within the window, ms, over all nodes or on one; undefined: nobody has told. */
  median(endpoint: string, node?: string): number | undefined {
    this.#forget();
    const buckets = this.#slices
      .filter(({ told }) => node === undefined || told.node === node)
      .flatMap(({ told }) => told.endpoints[endpoint] ?? []);
    return medianOf(buckets);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await rm(this.path, { force: true });
  }

  async #answer(request: IncomingMessage): Promise<string> {
    if (request.method === 'GET')
      return JSON.stringify(
        this.#routes.map((route) => [endpointName(route), route.pattern, route.methods ?? null]),
      );
    let text = '';
    for await (const part of request.setEncoding('utf8')) {
      text += String(part);
      if (text.length > LARGEST_BYTES) throw new Error('too much');
    }
    this.#slices.push({ at: this.#clock.monotonic(), told: toldSchema.parse(JSON.parse(text)) });
    this.#forget();
    return '';
  }

  #forget(): void {
    const from = this.#clock.monotonic() - this.#windowMs;
    if ((this.#slices[0]?.at ?? from) < from) this.#slices = this.#slices.filter(({ at }) => at >= from);
  }
}

/** Of counts by bucket, ms. Pure. */
export function medianOf(buckets: readonly (readonly [bucket: number, count: number])[]): number | undefined {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const all = sorted.reduce((sum, [, count]) => sum + count, 0);
  let below = 0;
  for (const [bucket, count] of sorted) {
    below += count;
    if (below * 2 >= all) return 2 ** (bucket / STEPS) / 1000;
  }
  return undefined;
}
