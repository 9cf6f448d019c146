import { createHash } from 'node:crypto';
import type {
  Difference,
  DifferenceChange,
  DifferenceExample,
  DifferenceKind,
  DifferingRequest,
  NoiseSeen,
  Risk,
} from '../../common/index.js';
import type { Feature } from '../compare/observation.js';
import { describeShape } from '../compare/shape.js';
import type { Decision } from '../verdict/decide.js';
import type { Sighting, Tally } from '../verdict/tally.js';
import { REDACTED, type Redaction } from '../redaction.js';

/** Examples a difference shows. */
const EXAMPLES = 3;

const RISK: Readonly<Record<DifferenceKind, Risk>> = {
  removed: 'high',
  retyped: 'high',
  changed: 'medium',
  added: 'low',
};
const RISKS: readonly Risk[] = ['high', 'medium', 'low'];

export interface DifferenceContext {
  readonly compared: ReadonlyMap<string, number>;
}

export interface Told {
  readonly differences: readonly Difference[];
  readonly differing: readonly DifferingRequest[];
}

/** The places that changed, one difference each, the riskiest and most frequent first. */
export function tellDifferences(decisions: readonly Decision[], context: DifferenceContext): Told {
  const groups = new Map<string, Decision[]>();
  for (const decision of decisions.filter(({ decided }) => decided === 'change')) {
    const { endpoint, place } = decision.tally;
    const key = `${endpoint}\n${place.general}\n${place.inner}`;
    groups.set(key, [...(groups.get(key) ?? []), decision]);
  }
  const told = [...groups].map(([key, group]) => tellOne(key, group, decisions, context));
  told.sort(
    (a, b) =>
      RISKS.indexOf(a.difference.risk) - RISKS.indexOf(b.difference.risk) ||
      b.difference.count - a.difference.count,
  );
  return {
    differences: told.map(({ difference }) => difference),
    // What happened at the start belongs to no request.
    differing: mergeRequests(
      told.flatMap(({ differing }) => differing.filter(({ request }) => request >= 0)),
    ),
  };
}

function tellOne(
  key: string,
  group: readonly Decision[],
  all: readonly Decision[],
  context: DifferenceContext,
): { difference: Difference; differing: readonly DifferingRequest[] } {
  // The value says more than its length or its prefix: its sightings come first.
  const ordered = [...group].sort((a, b) => featureRank(a.tally) - featureRank(b.tally));
  const byRequest = new Map<number, Sighting>();
  for (const { tally } of ordered)
    for (const seen of tally.sightings) if (!byRequest.has(seen.request)) byRequest.set(seen.request, seen);
  const { endpoint, place } = ordered[0]!.tally;
  const sightings = [...byRequest.values()];
  const changes = changesOf(ordered);
  const kinds = new Set(changes.map((change) => change.kind));
  const kind =
    (['removed', 'retyped', 'changed', 'added'] as const).find((one) => kinds.has(one)) ?? 'changed';
  const confidence = Math.max(...group.map((decision) => decision.confidence));
  const beside = all.filter(
    ({ tally }) =>
      tally.endpoint === endpoint &&
      tally.place.general === place.general &&
      tally.place.inner === place.inner,
  );
  const id = createHash('sha256').update(key).digest('hex').slice(0, 10);
  const difference: Difference = {
    id,
    endpoint,
    where: place.general,
    ...(place.inner === '' ? {} : { detail: place.inner.trim() }),
    ...traitsOf(ordered),
    kind,
    risk: RISK[kind],
    count: Math.max(sightings.length, ...group.map(({ tally }) => tally.changedIn.count)),
    of: context.compared.get(endpoint) ?? sightings.length,
    noise: Math.max(...beside.map(({ tally }) => tally.noise)),
    confidence,
    changes,
    accepted: false,
    examples: sightings.slice(0, EXAMPLES).map((seen) => exampleOf(seen)),
  };
  return {
    difference,
    differing: sightings.map((seen) => ({
      difference: id,
      accepted: false,
      request: seen.request,
      where: seen.where,
      kind: seen.kind,
      risk: RISK[seen.kind],
      old: seen.old,
      new: seen.new,
      confidence,
    })),
  };
}

/** What tells it, where it is no value that both arms of a release have. */
function traitsOf(group: readonly Decision[]): Pick<Difference, 'traits'> {
  const traits = group.map(({ tally }) => tally.feature);
  return traits.some((feature) => feature === 'value' || feature === 'type') ? {} : { traits };
}

/** All ways in which the place changed, whatever feature showed them. */
function changesOf(group: readonly Decision[]): readonly DifferenceChange[] {
  const changes = new Map<string, DifferenceChange>();
  for (const { tally } of group)
    for (const form of tally.forms.read()) {
      const key = JSON.stringify([form.kind, form.old, form.new]);
      const count = Math.max(changes.get(key)?.count ?? 0, form.count);
      changes.set(key, { ...form, count, accepted: false });
    }
  return [...changes.values()];
}

/** What says most comes first, single characters last. */
const FEATURES: readonly Feature[] = [
  'value',
  'type',
  'order',
  'length',
  'format',
  'prefix',
  'suffix',
  'form',
  'variety',
  'range',
  'digits',
  'lower case',
  'upper case',
];

function featureRank(tally: Tally): number {
  const rank = FEATURES.indexOf(tally.feature);
  return rank < 0 ? FEATURES.length : rank;
}

function exampleOf(seen: Sighting): DifferenceExample {
  return {
    exchange: seen.exchange,
    request: { index: seen.request, method: seen.method, target: seen.target },
    old: seen.old,
    new: seen.new,
  };
}

/** One row for each request and place, in the requests' order. */
function mergeRequests(rows: readonly DifferingRequest[]): readonly DifferingRequest[] {
  const merged = new Map<string, DifferingRequest>();
  for (const row of rows) {
    const key = `${row.request}\n${row.where}`;
    const known = merged.get(key);
    if (known === undefined || known.confidence < row.confidence) merged.set(key, row);
  }
  return [...merged.values()].sort((a, b) => a.request - b.request || (a.where < b.where ? -1 : 1));
}

/** The places that are noise, with the shape they were seen to have. */
export function tellNoise(
  tallies: Iterable<Tally>,
  compared: ReadonlyMap<string, number>,
  redaction: Redaction,
): readonly NoiseSeen[] {
  const noise: NoiseSeen[] = [];
  for (const tally of tallies) {
    const { count } = tally.unsteadyIn;
    if (count === 0 || !['value', 'order', 'type'].includes(tally.feature)) continue;
    noise.push({
      endpoint: tally.endpoint,
      where: tally.place.general + tally.place.inner,
      count,
      of: compared.get(tally.endpoint) ?? count,
      shape: redaction.hides(tally.place.general, tally.place.inner) ? REDACTED : shapeOf(tally),
    });
  }
  return noise.sort((a, b) =>
    a.endpoint < b.endpoint ? -1 : a.endpoint > b.endpoint ? 1 : b.count - a.count,
  );
}

function shapeOf(tally: Tally): string {
  if (tally.feature === 'order') return 'order varies';
  if (tally.feature === 'type') return 'type varies';
  return describeShape(tally.values, tally.explanation);
}
