import type { Exchange, ExchangeSource, Logger } from '../../common/index.js';
import type { Judge } from '../judge.js';
import type { SessionSample } from './sample.js';
import type { SpillQueue } from './spill-queue.js';

/** A captured exchange and its number in the order of capture. */
export interface Captured {
  readonly exchange: Exchange;
  readonly index: number;
}

/** Why an exchange is dropped that the disk budget has no room for. */
const NO_ROOM = 'disk budget full';

/** Why one is dropped whose session is not copied. */
const NOT_SAMPLED = 'not sampled';

/** Reads the source to its end: what can be replayed goes to the queue, the rest is accounted for at once. */
export async function capture(
  source: ExchangeSource,
  queue: SpillQueue<Captured>,
  judge: Judge,
  sample: SessionSample,
  log: Logger,
): Promise<void> {
  let index = 0;
  for await (const event of source) {
    if (event.kind === 'dropped') {
      judge.ledger.capture(event.count);
      judge.ledger.drop('capture queue full', event.count);
      log.warn({ count: event.count }, 'exchanges lost before the shadow saw them');
      continue;
    }
    const { exchange } = event;
    judge.ledger.capture();
    judge.captured(exchange);
    const captured = { exchange, index: index++ };
    if (!sample.takes(exchange)) {
      judge.skip(exchange);
      judge.ledger.drop(NOT_SAMPLED);
      continue;
    }
    if (exchange.flags.requestTruncated) {
      judge.skip(exchange);
      judge.ledger.settle('truncated');
      continue;
    }
    const reason = whyNotReplayed(exchange) ?? whyNotKept(queue.push(captured, sizeOf(exchange)));
    if (reason === undefined) continue;
    judge.skip(exchange);
    judge.ledger.drop(reason);
  }
}

function whyNotKept(kept: boolean): string | undefined {
  return kept ? undefined : NO_ROOM;
}

function whyNotReplayed(exchange: Exchange): string | undefined {
  const { flags } = exchange;
  if (flags.upgraded) return 'upgrade (WebSocket)';
  if (flags.clientAborted) return 'client aborted';
  if (flags.upstreamFailed) return 'live node failed';
  return exchange.status === 0 ? 'no answer at live' : undefined;
}

/** About what an exchange takes of memory or disk, bytes. */
export function sizeOf(exchange: Exchange): number {
  const headers = [...exchange.requestHeaders, ...exchange.responseHeaders];
  const headBytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return exchange.requestBody.length + exchange.responseBody.length + headBytes + exchange.target.length;
}
