import type { Feature, Four, Observation } from '../compare/observation.js';
import { Redaction } from '../redaction.js';
import {
  NO_TRAIT,
  areNewDraws,
  draw,
  isDrawn,
  surplusOf,
  weighTrait,
  type TraitEvidence,
} from './distribution.js';
import { NO_EVIDENCE, weigh, type PartitionEvidence } from './evidence.js';
import { isSeeded, partitionOf, type Partition } from '../compare/partition.js';
import { asAges, mayGoOn, showAge, type Showing, type Span } from './ages.js';
import { cannotCoincide } from './coincidence.js';
import { isVariedAnew, pairOf, varied } from './variety.js';
import { weighSteady } from './steady.js';
import { newTally, sighting, type Seer, type Tally } from './tally.js';
import { TallyTable } from './tally-table.js';

/** Sightings and raw values a place keeps; counts go on. */
const KEPT_SIGHTINGS = 1000;
const KEPT_VALUES = 64;

/** With so many kept in all, a place that is seen for the first time keeps only a few: a report shows no more. */
const KEPT_IN_ALL = 100_000;
const KEPT_AT_LEAST = 8;

/**
 * A change of distribution shows in tens of draws. So many are all looked at, and later ones now and then: which ones is
 * fixed beforehand, so that the bets stay fair.
 */
const EVERY_DRAW = 512;
const LATER_DRAWS = 16;

/** All that has been observed in an upgrade so far, by endpoint, place and feature. Pure data with one writer. */
export class Tallies {
  readonly #seen = new TallyTable<Tally<PartitionEvidence>>((endpoint, place, feature) =>
    newTally(endpoint, place, feature as Feature, NO_EVIDENCE),
  );
  /** Traits of what is drawn at random, which many exchanges together tell. */
  readonly #drawn = new TallyTable<Tally<TraitEvidence>>((endpoint, place, feature) =>
    newTally(endpoint, place, feature as Feature, NO_TRAIT),
  );
  readonly #exchangeable: boolean;
  readonly #redaction: Redaction;
  #looks = 0;
  #sightings = 0;

  /** What `redaction` hides is not kept. `exchangeable`: there are two arms of each release, so that they could be dealt otherwise. */
  constructor(exchangeable: boolean, redaction = new Redaction()) {
    this.#redaction = redaction;
    this.#exchangeable = exchangeable;
  }

  /** How often something looked changed, whatever is decided of it. */
  get looks(): number {
    return this.#looks;
  }

  /** How often something was seen at a place that is not told apart from its neighbours: there were too many. */
  get folded(): number {
    return this.#seen.folded + this.#drawn.folded;
  }

  *all(): IterableIterator<Tally> {
    yield* this.#seen.values();
    yield* this.#drawn.values();
  }

  /** `skewMs`: how far apart in time the arms have been at most, ms. `spans`: when each was at work on this exchange. */
  add(observation: Observation, seer: Seer, skewMs = 0, spans?: Four<Span>): void {
    const { place, feature } = observation;
    const tally = this.#seen.of(seer.endpoint, place, feature);
    const ages = asAges(observation, skewMs);
    if (ages === undefined) {
      tally.ageless += 1;
      this.#tally(tally, observation, seer);
    } else this.#tallyAges(tally, { numbers: ages, spans }, observation, seer);
  }

  /** Numbers that may be ages. Once they are known to be, so were those that this place showed before. */
  #tallyAges(known: Tally<PartitionEvidence>, shown: Showing, observation: Observation, seer: Seer): void {
    // Only what live is known to show otherwise is the arms' own.
    const age = observation.liveAgrees === false ? showAge(known.age, shown) : known.age;
    const isNew = observation.liveAgrees === true || !mayGoOn(known.age, shown);
    const isFound = age.isAge && !known.age.isAge && known.ageless === 0;
    const tally = isFound ? this.#anew(known) : known;
    tally.age = age;
    this.#tally(tally, age.isAge ? { ...observation, explained: 'time' } : observation, seer, isNew);
  }

  /** A new tally for this one, and none of what was seen of its draws. */
  #anew({ endpoint, place, feature }: Tally): Tally<PartitionEvidence> {
    const forgotten = [
      ...this.#seen.forget(endpoint, place, (one) => one === feature || one === 'variety'),
      ...this.#drawn.forget(endpoint, place, () => true),
    ];
    for (const { sightings } of forgotten) this.#sightings -= sightings.length;
    return this.#seen.of(endpoint, place, feature);
  }

  /** `isNew`: what it shows may be bet on, as it was not drawn before. */
  #tally(tally: Tally<PartitionEvidence>, observation: Observation, seer: Seer, isNew = true): void {
    for (const value of observation.raw) if (tally.values.length < KEPT_VALUES) tally.values.push(value);
    const partition = partitionOf(observation.labels);
    const isBetOn = this.#exchangeable && isNew;
    if (isBetOn && partition.pattern !== 'change' && isDrawn(observation))
      this.#addDrawn(tally, observation, seer);
    if (observation.explained !== undefined) {
      tally.unsteadyIn.add(seer.request);
      tally.explained += 1;
      tally.explanation ??= observation.explained;
      return;
    }
    if (partition.pattern === 'same') return;
    if (isBetOn) {
      weighAll(tally, observation, partition);
      this.#addVariety(tally, observation, partition, seer);
    }
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
    const isDoubtful =
      observation.liveAgrees === false && !(this.#exchangeable && cannotCoincide(observation));
    if (observation.frail === true || isDoubtful) tally.suspects += 1;
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
      const trait = this.#drawn.of(seer.endpoint, observation.place, feature);
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

  #addVariety(of: Tally, observation: Observation, partition: Partition, seer: Seer): void {
    const shown = varied(observation);
    const pair = pairOf(partition);
    if (shown === undefined || pair === undefined) return;
    const tally = this.#seen.of(seer.endpoint, observation.place, 'variety');
    tally.of = of;
    if (isVariedAnew(observation.feature, shown, tally.last)) {
      tally.evidence = weigh(tally.evidence, partition);
      const [old, fresh] = tally.alike;
      if (pair === 'within') tally.alike = partition.way === 0 ? [old + 1, fresh] : [old, fresh + 1];
    }
    tally.last = shown;
    if (pair === 'within') {
      tally.suspects += 1;
      tally.changedIn.add(seer.request);
      this.#see(tally, observation, seer);
    } else {
      tally.noise += 1;
      tally.crosses += 1;
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
    const kept = this.#sightings < KEPT_IN_ALL ? KEPT_SIGHTINGS : KEPT_AT_LEAST;
    if (tally.sightings.length >= kept) return;
    this.#sightings += 1;
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
