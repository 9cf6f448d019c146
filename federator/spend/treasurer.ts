import type { Collection } from 'mongodb';
import {
  messageOf,
  nextBackoff,
  systemClock,
  type Backoff,
  type ClusterStatus,
  type Logger,
} from '../../common/index.js';
import type { Database } from '../state/database.js';
import type { SpendStore } from '../state/spend-store.js';
import { followEpisodes, type Episode } from './episodes.js';
import { sendEpisode, type MailSettings } from './mail.js';

/** How often it looks: agents decide by the minute. */
const EVERY_MS = 2000;
/** Between attempts to send a mail. */
const MAIL_RETRY: Backoff = { first: 5000, most: 300_000, stableAfter: 0 };

/** What the operator allows, US dollars. */
export interface MaxSpend {
  readonly hourly?: number | undefined;
  readonly monthly?: number | undefined;
}

export interface MoneySettings {
  readonly maxSpend?: MaxSpend | undefined;
  readonly mail?: MailSettings | undefined;
}

export interface TreasurerOptions {
  readonly federation: string;
  readonly store: SpendStore;
  readonly database: Pick<Database, 'db'>;
  /** Read again each time, so that a ceiling can be raised while everything runs. */
  readonly settings: () => Promise<MoneySettings>;
  readonly clusters: () => Promise<readonly string[]>;
  readonly status: (cluster: string) => ClusterStatus | undefined;
  readonly log: Logger;
}

/** Keeps the ledger to what the operator allows and to clusters that exist, and has the list told where money stops growth. */
export class Treasurer {
  readonly #options: TreasurerOptions;
  readonly #episodes: Collection<Episode>;
  readonly #abort = new AbortController();
  readonly #loop: Promise<void>;
  #problem: string | undefined;
  #mailFailures = 0;
  #mailAgainAt = 0;

  constructor(options: TreasurerOptions) {
    this.#options = options;
    this.#episodes = options.database.db.collection('episodes');
    this.#loop = this.#run();
  }

  /** Why it could not do its work when it last looked, if it could not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await this.#look(signal);
        this.#problem = undefined;
      } catch (error) {
        if (signal.aborted) return;
        const problem = `money: ${messageOf(error)}`;
        if (problem !== this.#problem)
          this.#options.log.warn({ error: messageOf(error) }, 'could not look after money');
        this.#problem = problem;
      }
      await systemClock.sleep(EVERY_MS, signal).catch(() => undefined); // Rejects only by our own close().
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { store, clusters } = this.#options;
    const [{ maxSpend, mail }, names, { ledger }] = await Promise.all([
      this.#options.settings(),
      clusters(),
      store.read(),
    ]);
    const [hourly, monthly] = [maxSpend?.hourly ?? null, maxSpend?.monthly ?? null];
    if (hourly !== ledger.ceiling || monthly !== ledger.monthly)
      await store.apply({ kind: 'ceiling', hourly, monthly }, signal);
    const counted = new Set([...ledger.entries.map(({ cluster }) => cluster), ...Object.keys(ledger.claims)]);
    for (const cluster of counted)
      if (!names.includes(cluster)) await store.apply({ kind: 'forget', cluster }, signal);
    await this.#followEpisodes(names, mail, signal);
  }

  async #followEpisodes(
    names: readonly string[],
    mail: MailSettings | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const seen = names.flatMap((cluster) => {
      const status = this.#options.status(cluster);
      const problems = [
        ...(status?.sizing?.problems ?? []),
        ...(status?.error === undefined ? [] : [status.error]),
      ];
      return problems.map((problem) => ({ cluster, problem }));
    });
    const { open, over } = followEpisodes(await this.#episodes.find().toArray(), seen, new Date());
    for (const episode of open)
      await this.#episodes.replaceOne({ _id: episode._id }, episode, { upsert: true });
    for (const id of over) await this.#episodes.deleteOne({ _id: id });
    for (const episode of open)
      if (episode.mailedAt === null && mail !== undefined) await this.#mail(mail, episode, signal);
  }

  async #mail(mail: MailSettings, episode: Episode, signal: AbortSignal): Promise<void> {
    if (systemClock.monotonic() < this.#mailAgainAt) return;
    try {
      await sendEpisode(mail, this.#options.federation, episode, signal);
      this.#mailFailures = 0;
    } catch (error) {
      this.#mailFailures += 1;
      this.#mailAgainAt = systemClock.monotonic() + nextBackoff(MAIL_RETRY, this.#mailFailures);
      throw new Error(`the mail about "${episode._id}" was not sent: ${messageOf(error)}`, { cause: error });
    }
    this.#options.log.info({ episode: episode._id, to: mail.to.length }, 'mailed');
    await this.#episodes.updateOne({ _id: episode._id }, { $set: { mailedAt: new Date() } });
  }
}
