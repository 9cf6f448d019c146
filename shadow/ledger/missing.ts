import type { Ledger } from '../../common/index.js';

/** Why an exchange is dropped that was under way when the process was killed that had sent it. */
export const CUT_OFF = 'under way when the comparison was killed';

/** Reasons for which an exchange is dropped that did nothing to live's data, or whose effects the copies have already. */
const WITHOUT_EFFECT = new Set(['finished before the clone', 'no answer at live', CUT_OFF]);

/**
 * What it means that some of live's exchanges were not replayed: the arms' data lack what those wrote. One sentence for the
 * report, or none. Pure.
 */
export function missingEffects(ledger: Ledger): readonly string[] {
  const missing = Object.entries(ledger.dropped)
    .filter(([reason]) => !WITHOUT_EFFECT.has(reason))
    .reduce((sum, [, count]) => sum + count, ledger.truncated);
  if (missing === 0) return [];
  return [
    `What ${missing} exchanges that were not replayed wrote is missing in all arms alike: requests that use what those ` +
      'issued are unbound, and never a difference.',
  ];
}

/** That processes were killed and others went on with the same copies. Pure. */
export function goneOn(times: number, cutOff: number): string {
  const often = times === 1 ? 'once' : `${times} times`;
  const lost =
    cutOff === 0
      ? 'none was under way'
      : `${cutOff} were under way: what answered them, and what was written meanwhile, is not compared`;
  return `what compares was killed ${often} and went on with the same copies; no exchange was sent a second time, and ${lost}`;
}

/** That only a share of live's sessions is copied, and how many exchanges that came to; nothing where it is all. Pure. */
export function sampled(share: number, ledger: Ledger): readonly string[] {
  if (share >= 1) return [];
  const left = ledger.dropped['not sampled'] ?? 0;
  return [
    `Only ${Number((share * 100).toPrecision(3))}% of live's sessions are copied: ${ledger.captured - left} of ${ledger.captured} exchanges.`,
  ];
}
