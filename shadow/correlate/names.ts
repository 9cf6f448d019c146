import { isWord } from './characters.js';
import { GenerationSet } from './generation-set.js';
import { Replacer, replace, splice } from './replacer.js';
import { strengthOf, wordsOf } from './tokens.js';
import { WeakNames, type Role, type Row } from './weak-names.js';

/** How many values the memory of what one arm has seen holds, at least; what is older is forgotten. */
const SEEN_VALUES = 200_000;

/** Names that are not forgotten, at least, where nobody says how many. */
const NAMES = 100_000;

/** That a value once had a name is remembered for so many times as many values as the names themselves. */
const REMEMBERED = 16;

/** A value of live's that is being bound. */
interface Bound {
  readonly live: string;
  readonly words: readonly string[];
  readonly row: Row;
  /** It is of the young generation. */
  isKept: boolean;
}

/**
 * What the arms call the values live issued: live value → each arm's. One table for all arms, so that a value is looked up
 * and a text is read once for all of them. The first name of a value stays: a list in another order must not rename what
 * its creation named. Names that are not used for long are forgotten, by all arms at once: an arm that still knew what
 * another has forgotten would be asked something else than that one.
 */
export class Names {
  readonly #forward: Replacer<Row>;
  readonly #backward: readonly Replacer[];
  readonly #weak = new WeakNames();
  /** Words that answers hold, with a bit for each arm. */
  readonly #seen: GenerationSet;
  /** Words of the live values that are bound, with a bit for each arm. They go with the names. */
  readonly #bound = new GenerationSet(Infinity);
  /** Words of live that were bound at any time, with a bit for each arm. */
  readonly #ever: GenerationSet;
  readonly #every: number;
  /** Names after which the older generation goes, over all arms. */
  readonly #most: number;
  #added = 0;
  /** What was bound last: a value is bound for one arm after the other. */
  #last: Bound | undefined;

  /** `arms`: how many there are, up to 8. `names`: how many values are remembered under the arms' names, at least. */
  constructor(arms: number, names = NAMES) {
    this.#every = (1 << arms) - 1;
    this.#most = names * arms;
    this.#seen = new GenerationSet(SEEN_VALUES * arms);
    this.#ever = new GenerationSet(names * REMEMBERED);
    this.#forward = new Replacer((live) => this.#keep(live));
    this.#backward = Array.from({ length: arms }, () => {
      const names: Replacer = new Replacer((name) => this.#keep(names.get(name)!));
      return names;
    });
  }

  get arms(): number {
    return this.#backward.length;
  }

  /** Notes a word that an arm's answer holds: a value it has itself needs no name. */
  see(arm: number, word: string): void {
    this.#seen.add(word, 1 << arm);
  }

  /** A word that the answers of all arms hold. */
  seeInAll(word: string): void {
    this.#seen.add(word, this.#every);
  }

  hasSeen(arm: number, word: string): boolean {
    return (this.#seen.bits(word) & (1 << arm)) !== 0;
  }

  /** Whether any arm knows live's value, under the same or another name. */
  anyKnows(live: string): boolean {
    return this.#seen.has(live) || this.#bound.has(live) || this.#weak.hasAny(live);
  }

  /** Whether some arm knew a name for live's value once, and does not any more. */
  hasForgotten(live: string): boolean {
    const known = this.#ever.bits(live);
    if (known === 0) return false;
    const left = known & ~(this.#seen.bits(live) | this.#bound.bits(live));
    return (
      left !== 0 && this.#backward.some((_, arm) => (left & (1 << arm)) !== 0 && !this.#weak.has(live, arm))
    );
  }

  /** Binds two values found in the same place. `random`: the old release itself does not repeat the value. */
  bind(arm: number, live: string, name: string, role: Role, random: boolean): void {
    const strength = strengthOf(live);
    const strong = strength === 'strong' || (random && strength !== 'sequence' && live.length >= 6);
    if (strong) this.#bindStrong(arm, live, name);
    else if (strength === 'weak') this.bindWhole(arm, live, name);
    else if (strength === 'sequence') this.#weak.add(live, arm, name, role);
  }

  /** Binds a value that counts only where it is the whole value, in whatever role: a code, a date. */
  bindWhole(arm: number, live: string, name: string): void {
    this.#weak.add(live, arm, name, undefined);
  }

  /** Whether the arm has just this name for live's value, wherever that stands. */
  hasName(arm: number, live: string, name: string): boolean {
    return this.#boundOf(live)?.row[arm] === name;
  }

  #bindStrong(arm: number, live: string, name: string): void {
    const known = this.#boundOf(live);
    if (known?.row[arm] !== undefined) return;
    const namesake = this.#backward[arm]!.get(name);
    // One value of the arm's may be two of live's only where the one is a part of the other (a token, and the cookie
    // that holds the token and its hash).
    if (namesake !== undefined && !isPart(live, namesake) && !isPart(namesake, live)) return;
    const bound = known ?? this.#begin(live);
    if (!bound.isKept) this.#keep(live);
    bound.isKept = true;
    bound.row[arm] = name;
    this.#put(arm, bound, name, namesake);
    for (const word of bound.words) if (!name.includes(word)) this.#ever.add(word, 1 << arm);
  }

  #boundOf(live: string): Bound | undefined {
    if (this.#last?.live === live) return this.#last;
    const row = this.#forward.get(live);
    this.#last = row && { live, words: wordsOf(live), row, isKept: false };
    return this.#last;
  }

  #begin(live: string): Bound {
    const row = this.#newRow();
    this.#forward.set(live, row);
    return (this.#last = { live, words: wordsOf(live), row, isKept: true });
  }

  /** `namesake`: what of live's the arm's value stands for so far. */
  #put(
    arm: number,
    { live, words }: Pick<Bound, 'live' | 'words'>,
    name: string,
    namesake: string | undefined,
  ): void {
    // The first one stays what the arm's value is called.
    if ((namesake ?? live) === live) this.#backward[arm]!.set(name, live);
    this.#added += 1;
    for (const word of words) this.#bound.add(word, 1 << arm);
    if (words[0] === live && isWord(name)) return;
    // The same values as they stand in URLs and cookies, where that is another text.
    const liveUrl = encodeURIComponent(live);
    if (liveUrl === live) return;
    const row = this.#forward.get(liveUrl) ?? this.#newRow();
    row[arm] = encodeURIComponent(name);
    this.#forward.set(liveUrl, row);
  }

  /** As long as it will be: there are very many. */
  #newRow(): Row {
    return new Array<string | undefined>(this.arms).fill(undefined);
  }

  #keep(live: string): void {
    const row = this.#forward.get(live);
    if (row === undefined) return;
    this.#forward.set(live, row);
    const words = wordsOf(live);
    for (const [arm, name] of row.entries())
      if (name !== undefined && this.#backward[arm]!.get(name) === live)
        this.#put(arm, { live, words }, name, live);
  }

  /** Between two exchanges: time to forget, or not. */
  turn(): void {
    if (this.#added < this.#most) return;
    this.#added = 0;
    this.#last = undefined;
    this.#forward.rotate();
    this.#bound.rotate();
    for (const names of this.#backward) names.rotate();
  }

  /** Every value that identifies by itself, replaced wherever it stands: a text for each arm. Undefined: no arm has another. */
  inText(text: string): readonly string[] | undefined {
    const hits = this.#forward.find(text);
    if (hits === undefined) return undefined;
    return this.#backward.map((_, arm) =>
      splice(
        text,
        hits.flatMap(({ start, end, to }) => (to[arm] === undefined ? [] : { start, end, to: to[arm] })),
      ),
    );
  }

  /** A whole value (a field, a query value, a path segment) in its role: as `inText`. */
  inValue(value: string, role: Role): readonly string[] | undefined {
    const weak = this.#weak.find(value, role);
    if (weak === undefined) return this.inText(value);
    const texts = this.#backward.some((_, arm) => weak[arm] === undefined) ? this.inText(value) : undefined;
    return this.#backward.map((_, arm) => weak[arm] ?? texts?.[arm] ?? value);
  }

  /** Whether some arm has a name for it as a whole value in its role. */
  hasWhole(value: string, role: Role): boolean {
    return this.#weak.find(value, role) !== undefined;
  }

  /** An arm's text in live's words. */
  toLive(arm: number, text: string): string {
    return replace(this.#backward[arm]!, text);
  }

  get hasWeak(): boolean {
    return this.#weak.size > 0;
  }
}

function isPart(part: string, whole: string): boolean {
  return whole.includes(part);
}
