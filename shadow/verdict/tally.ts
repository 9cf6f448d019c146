import type { DifferenceKind } from '../../common/index.js';
import type { Feature, Observation, Place } from '../compare/observation.js';
import { NO_AGE, type AgeEvidence } from './ages.js';
import { ChangeForms } from './change-forms.js';
import { NO_DISTRIBUTION, type Distribution } from './distribution.js';
import type { Evidence } from './evidence.js';
import { NOT_STEADY, type SteadyEvidence } from './steady.js';

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
  /** Of `variety`: how often the arms of one release alone were alike, in draws that were new: old ones, new ones. */
  alike: readonly [number, number];
  /** Of `variety`: what was seen of the feature that it is the variety of. */
  of: Tally | undefined;
  /** Exchanges in which it was drawn at random. */
  draws: number;
  /** Whether it is an age. */
  age: AgeEvidence;
  /** How often it was none for certain. */
  ageless: number;
  readonly sightings: Sighting[];
  /** The ways in which it changed, those beyond the kept sightings too. */
  readonly forms: ChangeForms;
  readonly values: string[];
}

/** Who saw it. */
export type Seer = Pick<Sighting, 'request' | 'exchange' | 'method' | 'target'> & {
  readonly endpoint: string;
};

/** Nothing seen yet. */
export function newTally<E extends Evidence>(
  endpoint: string,
  place: Place,
  feature: Feature,
  evidence: E,
): Tally<E> {
  return {
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
    alike: [0, 0],
    of: undefined,
    draws: 0,
    age: NO_AGE,
    ageless: 0,
    sightings: [],
    forms: new ChangeForms(place.general === 'status'),
    values: [],
  };
}

export function sighting(observation: Observation, seer: Seer): Sighting {
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
