/**
 * The agreement on spending (DESIGN section 7) as a pure state machine. An agent reserves before it creates a host, says
 * when it asks the provider, and confirms what it got. What counts towards the ceiling is every entry, so the hosts that
 * exist never cost more than was granted:
 *
 *     reserve → reserved ─create→ creating ─confirm→ running ─release→ (gone)
 *                  └─ lapses         └─ after its deadline, a listing of the provider tells: running, or gone
 *
 * - A reservation lapses by the clock alone, since no host can come of it: `create` is refused afterwards.
 * - Once the provider may have been asked, time alone proves nothing. The request has a deadline; only a listing that was
 *   asked for after it tells whether there is a host. So a crash anywhere neither overspends nor leaks.
 * - Entries are known by the host's intent, which the provider makes one host of at most: any message may come twice.
 *
 * All times are the store's clock, ms.
 */
export interface SpendEntry {
  /** The host's intent. */
  readonly id: string;
  readonly cluster: string;
  /** US dollars. */
  readonly hourly: number;
  readonly state: 'reserved' | 'creating' | 'running';
  /** Reserved: when it lapses. Else: until when the provider may still act on a request to create it. */
  readonly until: number;
  readonly changedAt: number;
}

export interface Ledger {
  /** US dollars an hour; null: none. */
  readonly ceiling: number | null;
  /** US dollars in a calendar month (UTC); null: none. */
  readonly monthly: number | null;
  /** What hosts have cost in the month that `at` lies in, up to then. */
  readonly spent: { readonly usd: number; readonly at: number };
  /** The agent that runs each cluster, by the session it claimed the cluster with: whoever claims last has it. */
  readonly claims: Readonly<Record<string, string>>;
  readonly entries: readonly SpendEntry[];
}

export type SpendEvent =
  /** An agent begins to run a cluster: no other may reserve for it from now on. */
  | { readonly kind: 'claim'; readonly cluster: string; readonly session: string }
  | {
      readonly kind: 'reserve';
      readonly id: string;
      readonly cluster: string;
      readonly hourly: number;
      /** Who asks; absent: nobody's claim is asked for. */
      readonly session?: string;
    }
  /** `withinMs`: the provider acts within so long or never; default: as long as any may take. */
  | { readonly kind: 'create'; readonly id: string; readonly withinMs?: number }
  | { readonly kind: 'confirm' | 'release'; readonly id: string }
  | {
      /** All hosts of a cluster by intent, as the provider told when it was asked at `askedAt`. */
      readonly kind: 'listing';
      readonly cluster: string;
      readonly askedAt: number;
      readonly hosts: readonly string[];
    }
  | { readonly kind: 'ceiling'; readonly hourly: number | null; readonly monthly?: number | null }
  /** A cluster that is no more, its hosts with it. */
  | { readonly kind: 'forget'; readonly cluster: string };

/**
 * granted: go on. refused: the ceiling, or a price that cannot be. lapsed: there is no such entry (any more): do not
 * create; destroy what was created. superseded: another agent has claimed the cluster since. noted: nothing to wait for.
 */
export type SpendOutcome = 'granted' | 'refused' | 'lapsed' | 'superseded' | 'noted';

export interface SpendTimes {
  /** How long a reservation waits for its `create`. */
  readonly reserveMs: number;
  /** A provider's call to create ends by its own deadline within so long after `create` was asked for. */
  readonly createMs: number;
}

/** An agent creates right after it reserved; a provider takes half a minute to answer at worst, and is asked again once. */
export const SPEND_TIMES: SpendTimes = { reserveMs: 30_000, createMs: 90_000 };

export const NO_SPENDING: Ledger = {
  ceiling: null,
  monthly: null,
  spent: { usd: 0, at: 0 },
  claims: {},
  entries: [],
};

const HOUR_MS = 3_600_000;
const LONGEST_MONTH_HOURS = 31 * 24;

/** US dollars an hour that are spent, or may come to be. */
export function committed({ entries }: Ledger): number {
  return entries.reduce((sum, { hourly }) => sum + hourly, 0);
}

/**
 * US dollars an hour that may still be granted; undefined: any. The month's ceiling holds where everything that runs goes on
 * to this month's end and through the longest that may follow, so that nothing need ever be stopped for it; below zero: more
 * runs than the ceilings allow. Pure.
 */
export function left(ledger: Ledger, now: number): number | undefined {
  const { ceiling, monthly, spent } = accrue(ledger, now);
  const hours = Math.max(1e-6, (endOfMonth(now) - now) / HOUR_MS);
  const most = Math.min(
    ceiling ?? Infinity,
    monthly === null ? Infinity : Math.min((monthly - spent.usd) / hours, monthly / LONGEST_MONTH_HOURS),
  );
  return most === Infinity ? undefined : most - committed(ledger);
}

/** What was spent by `now`: every host that is there, or may be, costs its price from the moment it was asked for. */
function accrue(ledger: Ledger, now: number): Ledger {
  const { spent, entries } = ledger;
  if (now <= spent.at) return ledger;
  const begin = beginOfMonth(now);
  const from = Math.max(spent.at, begin);
  const rate = entries
    .filter(({ state }) => state !== 'reserved')
    .reduce((sum, { hourly }) => sum + hourly, 0);
  const before = spent.at < begin ? 0 : spent.usd;
  return { ...ledger, spent: { usd: before + (rate * (now - from)) / HOUR_MS, at: now } };
}

function beginOfMonth(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

function endOfMonth(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

interface Applied {
  readonly ledger: Ledger;
  readonly outcome: SpendOutcome;
}

/** The ledger after an event at `now`. Pure; applying an event twice changes nothing more. */
export function applySpend(
  before: Ledger,
  event: SpendEvent,
  now: number,
  times: SpendTimes = SPEND_TIMES,
): Applied {
  const accrued = accrue(before, now);
  const ledger = {
    ...accrued,
    entries: accrued.entries.filter(({ state, until }) => state !== 'reserved' || until > now),
  };
  switch (event.kind) {
    case 'ceiling':
      return {
        ledger: { ...ledger, ceiling: event.hourly, monthly: event.monthly ?? null },
        outcome: 'noted',
      };
    case 'claim':
      return {
        ledger: { ...ledger, claims: { ...ledger.claims, [event.cluster]: event.session } },
        outcome: 'granted',
      };
    case 'forget':
      return { ledger: forget(ledger, event.cluster), outcome: 'noted' };
    case 'listing':
      return { ledger: afterListing(ledger, event, now), outcome: 'noted' };
    case 'reserve':
      return reserve(ledger, event, now, times);
    default:
      return step(ledger, event, now, times);
  }
}

/** Sums of prices are rounded in binary: a thousandth of a cent is no overspending. */
const ROUNDING = 1e-5;

function reserve(
  ledger: Ledger,
  event: SpendEvent & { kind: 'reserve' },
  now: number,
  { reserveMs }: SpendTimes,
): Applied {
  const { id, cluster, hourly, session } = event;
  if (session !== undefined && session !== (ledger.claims[cluster] ?? session))
    return { ledger, outcome: 'superseded' };
  const known = ledger.entries.find((entry) => entry.id === id);
  if (known !== undefined)
    return { ledger, outcome: known.cluster === cluster && known.hourly === hourly ? 'granted' : 'refused' };
  const isPrice = Number.isFinite(hourly) && hourly >= 0;
  if (!isPrice || hourly > (left(ledger, now) ?? Infinity) + ROUNDING) return { ledger, outcome: 'refused' };
  const entry: SpendEntry = {
    id,
    cluster,
    hourly,
    state: 'reserved',
    until: now + reserveMs,
    changedAt: now,
  };
  return { ledger: { ...ledger, entries: [...ledger.entries, entry] }, outcome: 'granted' };
}

function step(
  ledger: Ledger,
  event: SpendEvent & { kind: 'create' | 'confirm' | 'release' },
  now: number,
  { createMs }: SpendTimes,
): Applied {
  const { kind, id } = event;
  const entry = ledger.entries.find((known) => known.id === id);
  if (entry === undefined) return { ledger, outcome: kind === 'release' ? 'noted' : 'lapsed' };
  const become = (next: SpendEntry | undefined): Applied => ({
    ledger: {
      ...ledger,
      entries: ledger.entries.flatMap((known) => (known === entry ? (next ?? []) : known)),
    },
    outcome: 'granted',
  });
  if (event.kind === 'create')
    return become({
      ...entry,
      state: entry.state === 'reserved' ? 'creating' : entry.state,
      until: now + Math.min(createMs, event.withinMs ?? createMs),
      changedAt: now,
    });
  // Confirmed without `create`: a host that should not be there. It is counted all the same.
  if (kind === 'confirm')
    return entry.state === 'running'
      ? { ledger, outcome: 'granted' }
      : become({ ...entry, state: 'running', changedAt: now });
  // A request that is still under way could bring the host back: a listing after its deadline ends the entry.
  if (entry.state !== 'reserved' && entry.until > now)
    return become({ ...entry, state: 'creating', changedAt: now });
  return become(undefined);
}

function forget(ledger: Ledger, cluster: string): Ledger {
  const claims = Object.fromEntries(Object.entries(ledger.claims).filter(([name]) => name !== cluster));
  return { ...ledger, claims, entries: ledger.entries.filter((entry) => entry.cluster !== cluster) };
}

/** A listing tells of an entry only what was settled before it was asked for. */
function afterListing(
  ledger: Ledger,
  { cluster, askedAt, hosts }: SpendEvent & { kind: 'listing' },
  now: number,
): Ledger {
  const entries = ledger.entries.flatMap((entry): SpendEntry[] => {
    const isTold =
      entry.cluster === cluster &&
      entry.state !== 'reserved' &&
      entry.until < askedAt &&
      entry.changedAt < askedAt;
    if (!isTold) return [entry];
    if (!hosts.includes(entry.id)) return [];
    return [entry.state === 'running' ? entry : { ...entry, state: 'running', changedAt: now }];
  });
  return { ...ledger, entries };
}

/** Hosts that no entry stands for: they must be destroyed. Only of a listing newer than the ledger that it is held against. */
export function strays({ entries }: Ledger, hosts: readonly string[]): string[] {
  return hosts.filter((host) => !entries.some(({ id }) => id === host));
}
