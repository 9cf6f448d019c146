import { Client } from 'undici';
import {
  DharmaError,
  messageOf,
  spendReplySchema,
  throwIfAborted,
  withDeadline,
  type SpendPort,
  type SpendReply,
  type SpendRequest,
} from '../../common/index.js';

/** A message of the ledger is a few writes of one document. */
const ANSWER_MS = 10_000;

export interface SpendClientOptions {
  /** The federator's unix socket for money. */
  readonly socketPath: string;
  readonly cluster: string;
  readonly session: string;
}

/** The federation's purse over its unix socket. The owner must `close()` it. */
export class SpendClient implements SpendPort {
  readonly #options: SpendClientOptions;
  readonly #client: Client;

  constructor(options: SpendClientOptions) {
    this.#options = options;
    this.#client = new Client('http://federator', { socketPath: options.socketPath });
  }

  async tell(request: SpendRequest, signal: AbortSignal): Promise<SpendReply> {
    const { cluster, session } = this.#options;
    try {
      return await withDeadline(ANSWER_MS, signal, async (limited) => {
        const { statusCode, body } = await this.#client.request({
          method: 'POST',
          path: '/spend',
          signal: limited,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ cluster, session, request }),
        });
        const value: unknown = await body.json();
        if (statusCode >= 400)
          throw new Error(`status ${statusCode}: ${JSON.stringify(value).slice(0, 300)}`);
        return spendReplySchema.parse(value);
      });
    } catch (error) {
      throwIfAborted(signal);
      throw unreachable(error);
    }
  }

  async close(): Promise<void> {
    await this.#client.destroy();
  }
}

function unreachable(cause: unknown): DharmaError {
  return new DharmaError({
    code: 'SPEND_UNREACHABLE',
    message: 'the federation cannot be asked about money: nothing that costs is created',
    found: messageOf(cause),
    remedy: 'It is asked again by itself; see whether the federator is up: federate status',
    httpStatus: 503,
    cause,
  });
}
