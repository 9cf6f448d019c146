import { throwIfAborted, type Clock, type OutboundCall } from '../../common/index.js';
import type { EffectDelta, EffectEntry, EffectValue } from '../arms-contract.js';

/** Something that tells what changed in it since it was last asked. */
export interface EffectSource {
  collect(): Promise<readonly EffectEntry[]>;
  readonly notRead?: readonly string[];
}

export interface CollectorOptions {
  readonly sources: readonly EffectSource[];
  /** Outbound calls since they were last taken. */
  readonly takeCalls: () => Promise<readonly OutboundCall[]> | readonly OutboundCall[];
  /** Adds to the entries which exchanges they were written for. Default: nobody knows. */
  readonly writers?: { tell(entries: readonly EffectEntry[]): Promise<readonly EffectEntry[]> };
  /** A text that stays the same while the app does nothing; undefined while it wants to run. Default: always quiet. */
  readonly activity?: () => Promise<string | undefined>;
  readonly clock: Clock;
}

/** Between two readings, ms: about a round trip of the app's to a store and back on a busy machine. */
const PAUSE_MS = 5;
/** An app that is never quiet (a ticker, say) is not waited for beyond this, ms: then that is how it is. */
const MOST_WAIT_MS = 500;

/** After so many collections in a row in which the app never lay still, it is one that never does. */
const RESTLESS = 5;
/** It is waited for so many times as long as an effect of its ever came late, and so long at least, ms. */
const LATE_FACTOR = 3;
const LEAST_WAIT_MS = 30;

/** Reads until two readings in a row show nothing more, and the app lay still between them, so that what an app does just after answering is told with it. */
export class EffectCollector {
  readonly #options: CollectorOptions;
  #costMs = 0;
  /** Collections in a row that ended while the app did not lie still. */
  #restless = 0;
  /** How long after the first reading something new was found at the latest, ms. */
  #latestMs = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Duration of the last collection, ms. */
  get costMs(): number {
    return this.#costMs;
  }

  async collect(signal: AbortSignal): Promise<EffectDelta> {
    const { clock, sources } = this.#options;
    const startedAt = clock.monotonic();
    const merged = new Map<string, EffectEntry>();
    const calls: OutboundCall[] = [];
    let activity: string | undefined;
    let firstReadAt: number | undefined;
    let quiet = 0;
    while (quiet < 2 && (firstReadAt === undefined || clock.monotonic() < firstReadAt + this.#mostWaitMs())) {
      throwIfAborted(signal);
      const entries = (await Promise.all(sources.map((source) => source.collect()))).flat();
      const more = await this.#options.takeCalls();
      for (const entry of entries) merge(merged, entry);
      calls.push(...more);
      const last = activity;
      activity = await (this.#options.activity?.() ?? '');
      const still = activity !== undefined && (quiet === 0 || activity === last);
      const found = entries.length > 0 || more.length > 0;
      quiet = still && !found ? quiet + 1 : 0;
      if (found && firstReadAt !== undefined)
        this.#latestMs = Math.max(this.#latestMs, clock.monotonic() - firstReadAt);
      // Counted from the end of the first reading, so that there is always a second.
      firstReadAt ??= clock.monotonic();
      if (quiet < 2) await clock.sleep(PAUSE_MS, signal);
    }
    this.#restless = quiet < 2 ? this.#restless + 1 : 0;
    this.#costMs = clock.monotonic() - startedAt;
    const entries = [...merged.values()].filter(changed);
    const notRead = sources.flatMap((source) => source.notRead ?? []);
    return {
      entries: (await this.#options.writers?.tell(entries)) ?? entries,
      calls,
      ...(notRead.length === 0 ? {} : { notRead }),
    };
  }

  #mostWaitMs(): number {
    if (this.#restless < RESTLESS) return MOST_WAIT_MS;
    return Math.min(MOST_WAIT_MS, Math.max(LEAST_WAIT_MS, LATE_FACTOR * this.#latestMs));
  }
}

/** One entry for a place however often it changed: what it was before the first change, and what it is after the last. */
function merge(merged: Map<string, EffectEntry>, entry: EffectEntry): void {
  const id = JSON.stringify([entry.store, ...entry.key]);
  const first = merged.get(id);
  if (first === undefined) {
    merged.set(id, entry);
    return;
  }
  const { store, key, before, ttlBeforeMs } = first;
  const { ttlAfterMs } = entry;
  const after = entry.appends === true ? [...listOf(first.after), ...listOf(entry.after)] : entry.after;
  merged.set(id, {
    ...{ store, key, before, after },
    ...(ttlBeforeMs === undefined ? {} : { ttlBeforeMs }),
    ...(ttlAfterMs === undefined ? {} : { ttlAfterMs }),
  });
}

function listOf(value: EffectValue | undefined): readonly EffectValue[] {
  return Array.isArray(value) ? (value as readonly EffectValue[]) : [];
}

/** False for what came and went within one collection. */
function changed(entry: EffectEntry): boolean {
  return entry.before !== undefined || entry.after !== undefined;
}
