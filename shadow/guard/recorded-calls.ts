import type { ArmName, OutboundCall } from '../../common/index.js';
import { similarity, type CallShape } from './similarity.js';

/** Calls without an exchange, and calls of exchanges nobody forgot, are kept up to this many bytes; then the oldest go. */
const MAX_BYTES = 64 * 1024 * 1024;

interface Recorded {
  readonly call: OutboundCall;
  readonly bytes: number;
  /** The arms that were answered with it. */
  readonly takenBy: Set<ArmName>;
}

/** An arm's call that wants live's answer. */
export type Wanted = CallShape & Pick<OutboundCall, 'exchangeId'>;

/** What live's own calls got, and which arm was answered with which of them. No I/O. */
export class RecordedCalls {
  /** By exchange; '' for those that the app's context could not tell. In the order they were recorded. */
  readonly #byExchange = new Map<string, Recorded[]>();
  #bytes = 0;

  add(call: OutboundCall): void {
    const bytes = 1024 + call.requestBody.length + (call.response?.body.length ?? 0);
    const key = call.exchangeId ?? '';
    const list = this.#byExchange.get(key) ?? [];
    list.push({ call, bytes, takenBy: new Set() });
    this.#byExchange.set(key, list);
    this.#bytes += bytes;
    while (this.#bytes > MAX_BYTES) this.#dropOldest();
  }

  /** The exchange is done in every arm. */
  forget(exchangeId: string): void {
    for (const { bytes } of this.#byExchange.get(exchangeId) ?? []) this.#bytes -= bytes;
    this.#byExchange.delete(exchangeId);
  }

  /**
   * Live's call that `wanted` is the arm's version of, and marks it as taken by that arm: of the same exchange first,
   * then of those without one; where the arm's call has no exchange, of any. The most alike, among equals the first.
   * A GET that polls may be answered twice with the same.
   */
  take(arm: ArmName, wanted: Wanted): OutboundCall | undefined {
    const own = wanted.exchangeId === undefined ? [] : (this.#byExchange.get(wanted.exchangeId) ?? []);
    const loose = this.#byExchange.get('') ?? [];
    const others = wanted.exchangeId === undefined ? [...this.#byExchange.values()].flat() : [];
    for (const candidates of [own, loose, others]) {
      const found = mostAlike(
        candidates.filter(({ takenBy }) => !takenBy.has(arm)),
        wanted,
      );
      if (found === undefined) continue;
      found.takenBy.add(arm);
      return found.call;
    }
    if (wanted.method !== 'GET' && wanted.method !== 'HEAD') return undefined;
    return [...own, ...loose].findLast(({ call }) => similarity(call, wanted) === 1)?.call;
  }

  #dropOldest(): void {
    for (const [key, list] of this.#byExchange) {
      const oldest = list.shift();
      if (oldest !== undefined) this.#bytes -= oldest.bytes;
      if (list.length === 0) this.#byExchange.delete(key);
      return;
    }
  }
}

function mostAlike(candidates: readonly Recorded[], wanted: Wanted): Recorded | undefined {
  let best: Recorded | undefined;
  let most = 0;
  for (const candidate of candidates) {
    const alike = similarity(candidate.call, wanted);
    if (alike > most) [best, most] = [candidate, alike];
  }
  return best;
}
