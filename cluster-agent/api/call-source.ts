import type { Readable } from 'node:stream';
import type { Client } from 'undici';
import {
  messageOf,
  systemClock,
  type Logger,
  type OutboundCall,
  type OutboundSource,
} from '../../common/index.js';
import { decodeCallLine } from './call-lines.js';

/** Between attempts to reach an agent that does not answer, ms. */
const RECONNECT_MS = 200;

/** An agent's recorded outbound calls, for one reader. */
export class AgentCallSource implements OutboundSource {
  readonly #connect: () => Client;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  #dropped = 0;
  #subscribed: () => void = () => undefined;
  /** Resolves when the agent has taken the subscription for the first time: no call is missed from then on. */
  readonly subscribed = new Promise<void>((resolve) => (this.#subscribed = resolve));

  constructor(connect: () => Client, log: Logger) {
    this.#connect = connect;
    this.#log = log;
  }

  /** Calls lost because this reader was slow. */
  get dropped(): number {
    return this.#dropped;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutboundCall, void, undefined> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const client = this.#connect();
      try {
        yield* this.#read(client);
      } catch (error) {
        if (!signal.aborted) this.#log.debug({ error: messageOf(error) }, 'cut off from recorded calls');
      } finally {
        await client.destroy();
      }
      await systemClock.sleep(RECONNECT_MS, signal).catch(() => undefined); // Rejects only by our own close().
    }
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
  }

  async *#read(client: Client): AsyncGenerator<OutboundCall, void, undefined> {
    const { body } = await client.request({ method: 'GET', path: '/outbound', signal: this.#abort.signal });
    for await (const text of linesOf(body)) {
      if (text === '') {
        this.#subscribed();
        continue;
      }
      const line = decodeCallLine(text);
      if ('dropped' in line) this.#dropped += line.dropped;
      else yield line.call;
    }
  }
}

/** Whole lines, without their newline. Leaving the iteration ends the stream. */
async function* linesOf(stream: Readable): AsyncGenerator<string, void, undefined> {
  stream.setEncoding('utf8');
  let begun = '';
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = (begun + chunk).split('\n');
    begun = lines.pop()!;
    yield* lines;
  }
}
