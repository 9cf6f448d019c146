import {
  parseConfig,
  spendMessageSchema,
  type Logger,
  type SpendMessage,
  type SpendReply,
  type SpendRequest,
} from '../../common/index.js';
import { UnixJsonServer } from '../daemon/unix-json-server.js';
import type { SpendStore } from '../state/spend-store.js';
import { left, type SpendEvent } from './ledger.js';

/** How long a change of the ledger may be tried while others change it, ms. */
const APPLY_MS = 8000;

/** Answers agents that ask for money, on a unix socket that only this user may open. The owner must `close()` it. */
export async function openSpendDesk(
  socketPath: string,
  store: SpendStore,
  log: Logger,
): Promise<{ close(): Promise<void> }> {
  return UnixJsonServer.listen(
    socketPath,
    {
      'POST spend': async ({ body }) =>
        answerSpend(
          store,
          parseConfig(spendMessageSchema, body, 'the message'),
          AbortSignal.timeout(APPLY_MS),
        ),
    },
    log,
  );
}

/** What an agent's message comes to. */
export async function answerSpend(
  store: SpendStore,
  { cluster, session, request }: SpendMessage,
  signal: AbortSignal,
): Promise<SpendReply> {
  const event = eventOf(cluster, session, request);
  const outcome = event === undefined ? undefined : await store.apply(event, signal);
  const { ledger, now } = await store.read();
  const own = ledger.entries.filter((entry) => entry.cluster === cluster);
  const room = left(ledger, now);
  return {
    outcome: outcome ?? (ledger.claims[cluster] === session ? 'granted' : 'superseded'),
    now,
    ceiling: room === undefined ? null : own.reduce((sum, { hourly }) => sum + hourly, room),
    counted: own.map(({ id }) => id),
  };
}

/** Undefined: it only asks. */
function eventOf(cluster: string, session: string, request: SpendRequest): SpendEvent | undefined {
  switch (request.kind) {
    case 'look':
      return undefined;
    case 'claim':
      return { kind: 'claim', cluster, session };
    case 'reserve':
      return { ...request, cluster, session };
    case 'listing':
      return { ...request, cluster };
    default:
      return request;
  }
}
