import type { DifferenceKind } from '../../common/index.js';
import type { Feature, Observation, Place } from '../compare/observation.js';
import { Redaction } from '../redaction.js';
import { ChangeForms } from './change-forms.js';
import {
  NO_DISTRIBUTION,
  NO_TRAIT,
  areNewDraws,
  draw,
  isDrawn,
  surplusOf,
  weighTrait,
  type Distribution,
  type TraitEvidence,
} from './distribution.js';
import { NO_EVIDENCE, weigh, type Evidence, type PartitionEvidence } from './evidence.js';
import { isSeeded, partitionOf, type Partition } from '../compare/partition.js';
import { NOT_STEADY, weighSteady, type SteadyEvidence } from './steady.js';

/** One exchange (or effect of one) in which a place looked changed. */
export interface Sighting {
  /** The exchange's number, from 0, in the order replayed. */
  readonly request: number;
  readonly exchange: string;
  readonly method: string;
  readonly target: string;
  readonly where: string;
  readonly kind: DifferenceKind;
  readonly old: string | undefined;
  readonly new: string | undefined;
}

/** Sightings and raw values a place keeps; counts go on. */
const KEPT_SIGHTINGS = 1000;
const KEPT_VALUES = 64;

/**
 * A change of distribution shows in tens of draws. So many are all looked at, and later ones now and then: which ones is
 * fixed beforehand, so that the bets stay fair.
 */
const EVERY_DRAW = 512;
const LATER_DRAWS = 16;

/** Counts exchanges. They are judged one after the other, so that the last one is all that must be known. */
export class ExchangeCount {
  #last: number | undefined;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(request: number): void {
    if (this.#last === request) return;
    this.#last = request;
    this.#count += 1;
  }
}

/** What has been seen of one feature of one place of one endpoint. */
export interface Tally<E extends Evidence = Evidence> {
  readonly endpoint: string;
  readonly place: Place;
  readonly feature: Feature;
  /** Equal within both releases, different between them, and live like the old release. */
  changes: number;
  /** Of those, what live is known to show like the old release. */
  witnessed: number;
  /** The same, but live bears no witness to it, or the feature is one that chance changes. */
  suspects: number;
  /** Different within a release. */
  noise: number;
  /** Of those, two and two across the releases: chance imitating a change. */
  crosses: number;
  /** Of the noise, no two arms alike. */
  scattered: number;
  /** Of the noise, alike by the seeds that arms `a` and arms `b` draw from. */
  seeded: number;
  /** Known differences: ids under their names, times of day. */
  explained: number;
  /** Exchanges in which it was noise or explained, and those in which it looked changed: a list can show it often. */
  readonly unsteadyIn: ExchangeCount;
  readonly changedIn: ExchangeCount;
  explanation: Observation['explained'];
  evidence: E;
  /** Of a frail trait that each release keeps to. */
  steady: SteadyEvidence;
  /** The raw values that were last weighed. */
  last: readonly string[];
  distribution: Distribution;
  /** Exchanges in which it was drawn at random. */
  draws: number;
  readonly sightings: Sighting[];
  /** The ways in which it changed, those beyond the kept sightings too. */
  readonly forms: ChangeForms;
  readonly values: string[];
}

/** Who saw it. */
export type Seer = Pick<Sighting, 'request' | 'exchange' | 'method' | 'target'> & {
  readonly endpoint: string;
};

/** All that has been observed in an upgrade so far, by endpoint, place and feature. Pure data with one writer. */
export class Tallies {
  readonly #byKey = new Map<string, Tally<PartitionEvidence>>();
  /** Traits of what is drawn at random, which many exchanges together tell. */
  readonly #drawn = new Map<string, Tally<TraitEvidence>>();
  readonly #exchangeable: boolean;
  readonly #redaction: Redaction;
  #looks = 0;

  /** What `redaction` hides is not kept. `exchangeable`: there are two arms of each release, so that they could be dealt otherwise. */
  constructor(exchangeable: boolean, redaction = new Redaction()) {
    this.#redaction = redaction;
    this.#exchangeable = exchangeable;
  }

  /** How often something looked changed, whatever is decided of it. */
  get looks(): number {
    return this.#looks;
  }

  *all(): IterableIterator<Tally> {
    yield* this.#byKey.values();
    yield* this.#drawn.values();
  }

  add(observation: Observation, seer: Seer): void {
    const { place, feature } = observation;
    const tally = tallyOf(this.#byKey, seer.endpoint, place, feature, NO_EVIDENCE);
    for (const value of observation.raw) if (tally.values.length < KEPT_VALUES) tally.values.push(value);
    const partition = partitionOf(observation.labels);
    if (this.#exchangeable && partition.pattern !== 'change' && isDrawn(observation))
      this.#addDrawn(tally, observation, seer);
    if (observation.explained !== undefined) {
      tally.unsteadyIn.add(seer.request);
      tally.explained += 1;
      tally.explanation ??= observation.explained;
      return;
    }
    if (partition.pattern === 'same') return;
    if (this.#exchangeable) weighAll(tally, observation, partition);
    if (partition.pattern !== 'change') {
      tally.unsteadyIn.add(seer.request);
      tally.noise += 1;
      if (partition.pattern === 'cross') tally.crosses += 1;
      if (partition.pattern === 'scattered') tally.scattered += 1;
      if (isSeeded(partition)) tally.seeded += 1;
      return;
    }
    this.#looks += 1;
    tally.changedIn.add(seer.request);
    if (observation.frail === true || observation.liveAgrees === false) tally.suspects += 1;
    else {
      tally.changes += 1;
      if (observation.liveAgrees === true) tally.witnessed += 1;
    }
    this.#see(tally, observation, seer);
  }

  /** What many draws together tell: one exchange is never evidence enough. */
  #addDrawn(tally: Tally, observation: Observation, seer: Seer): void {
    tally.draws += 1;
    if (tally.draws > EVERY_DRAW && tally.draws % LATER_DRAWS !== 0) return;
    const { known, traits, isNew } = draw(tally.distribution, observation.raw);
    tally.distribution = known;
    for (const { feature, borne } of traits) {
      const trait = tallyOf(this.#drawn, seer.endpoint, observation.place, feature, NO_TRAIT);
      if (isNew) trait.evidence = weighTrait(trait.evidence, borne);
      if (surplusOf(borne) === 0) {
        trait.noise += 1;
        trait.crosses += 1;
      } else {
        trait.suspects += 1;
        trait.changedIn.add(seer.request);
        this.#see(trait, observation, seer);
      }
    }
  }

  #see(tally: Tally, observation: Observation, seer: Seer): void {
    const { where, inner } = observation.place;
    const told = {
      ...observation,
      old: this.#redaction.value(where, inner, observation.old),
      new: this.#redaction.value(where, inner, observation.new),
    };
    if (tally.feature === 'order') tally.forms.addOrder();
    else tally.forms.add(told.kind, told.old, told.new);
    if (tally.sightings.length < KEPT_SIGHTINGS)
      tally.sightings.push(sighting(told, { ...seer, target: this.#redaction.text(seer.target) }));
  }
}

/** What may vary by itself says something only of new draws: a process may show for ever what it drew once. */
function weighAll(tally: Tally<PartitionEvidence>, observation: Observation, partition: Partition): void {
  const { frail, feature, raw } = observation;
  const isLength = frail === true && feature === 'length';
  const isShownAgain = raw.some((text, side) => text === tally.last[side]);
  const isNew = isLength ? areNewDraws(raw, tally.last) : frail !== true || !isShownAgain;
  if (isNew) tally.evidence = weigh(tally.evidence, partition);
  if (isLength) tally.steady = weighSteady(tally.steady, observation, partition, isNew);
  tally.last = raw;
}

function tallyOf<E extends Evidence>(
  tallies: Map<string, Tally<E>>,
  endpoint: string,
  place: Place,
  feature: Feature,
  evidence: E,
): Tally<E> {
  const key = `${endpoint}\n${place.general}\n${place.inner}\n${feature}`;
  const known = tallies.get(key);
  if (known !== undefined) return known;
  const tally: Tally<E> = {
    endpoint,
    place,
    feature,
    changes: 0,
    witnessed: 0,
    suspects: 0,
    noise: 0,
    crosses: 0,
    scattered: 0,
    seeded: 0,
    explained: 0,
    unsteadyIn: new ExchangeCount(),
    changedIn: new ExchangeCount(),
    explanation: undefined,
    evidence,
    steady: NOT_STEADY,
    last: [],
    distribution: NO_DISTRIBUTION,
    draws: 0,
    sightings: [],
    forms: new ChangeForms(place.general === 'status'),
    values: [],
  };
  tallies.set(key, tally);
  return tally;
}

function sighting(observation: Observation, seer: Seer): Sighting {
  return {
    request: seer.request,
    exchange: seer.exchange,
    method: seer.method,
    target: seer.target,
    where: observation.place.where,
    kind: observation.kind,
    old: observation.old,
    new: observation.new,
  };
}
