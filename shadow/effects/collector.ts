import { throwIfAborted, type Clock, type OutboundCall } from '../../common/index.js';
import type { EffectDelta, EffectEntry } from '../arms-contract.js';

/** Something that tells what changed in it since it was last asked. */
export interface EffectSource {
  collect(): Promise<readonly EffectEntry[]>;
  readonly notRead?: readonly string[];
}

export interface CollectorOptions {
  readonly sources: readonly EffectSource[];
  /** Outbound calls since they were last taken. */
  readonly takeCalls: () => Promise<readonly OutboundCall[]> | readonly OutboundCall[];
  /** A text that stays the same while the app does nothing; undefined while it wants to run. Default: always quiet. */
  readonly activity?: () => Promise<string | undefined>;
  readonly clock: Clock;
}

/** Between two readings, ms: about a round trip of the app's to a store and back on a busy machine. */
const PAUSE_MS = 5;
/** An app that is never quiet (a ticker, say) is not waited for beyond this, ms: then that is how it is. */
const MOST_WAIT_MS = 500;

/** Reads until two readings in a row show nothing more, and the app lay still between them, so that what an app does just after answering is told with it. */
export class EffectCollector {
  readonly #options: CollectorOptions;
  #costMs = 0;

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
    let deadline = Number.POSITIVE_INFINITY;
    for (let quiet = 0; quiet < 2 && clock.monotonic() < deadline;) {
      throwIfAborted(signal);
      const entries = (await Promise.all(sources.map((source) => source.collect()))).flat();
      const more = await this.#options.takeCalls();
      for (const entry of entries) merge(merged, entry);
      calls.push(...more);
      const last = activity;
      activity = await (this.#options.activity?.() ?? '');
      const still = activity !== undefined && (quiet === 0 || activity === last);
      quiet = still && entries.length === 0 && more.length === 0 ? quiet + 1 : 0;
      // Counted from the end of the first reading, so that there is always a second.
      deadline = Math.min(deadline, clock.monotonic() + MOST_WAIT_MS);
      if (quiet < 2) await clock.sleep(PAUSE_MS, signal);
    }
    this.#costMs = clock.monotonic() - startedAt;
    const notRead = sources.flatMap((source) => source.notRead ?? []);
    return {
      entries: [...merged.values()].filter(changed),
      calls,
      ...(notRead.length === 0 ? {} : { notRead }),
    };
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
  const { after, ttlAfterMs } = entry;
  merged.set(id, {
    ...{ store, key, before, after },
    ...(ttlBeforeMs === undefined ? {} : { ttlBeforeMs }),
    ...(ttlAfterMs === undefined ? {} : { ttlAfterMs }),
  });
}

/** False for what came and went within one collection. */
function changed(entry: EffectEntry): boolean {
  return entry.before !== undefined || entry.after !== undefined;
}
