import { isWord } from './characters.js';
import { Generations } from './forgetting.js';
import { GenerationSet } from './generation-set.js';
import { Replacer } from './replacer.js';
import { strengthOf, words } from './tokens.js';

/** Where a value stood in an answer: the last name of its path, and the static segments of the request's path. */
export interface Role {
  readonly key: string;
  readonly resources: readonly string[];
}

interface Weak {
  readonly arm: string;
  /** Undefined: in any role. */
  readonly role: Role | undefined;
}

/** Values that only count as whole ones, at most; the oldest go first. */
const WEAK_VALUES = 100_000;

/** Roles in which one small number is remembered: the latest. */
const ROLES = 64;

/** How many values an arm's memory of what it has seen holds, at least; what is older is forgotten. */
const SEEN_VALUES = 200_000;

/** Names that are not forgotten, at least, where nobody says how many. */
const NAMES = 100_000;

/** That a value once had a name is remembered for so many times as many values as the names themselves. */
const REMEMBERED = 16;

/** What the arms' bindings have in common. */
export class SharedNames {
  readonly generations: Generations;
  /** Words of live that were bound at any time, with a bit for each arm. */
  readonly ever: GenerationSet;

  /** `names`: how many values are remembered under the arms' names, at least. */
  constructor(names = NAMES) {
    this.generations = new Generations(names);
    this.ever = new GenerationSet(names * REMEMBERED);
  }
}

/**
 * What an arm calls the values live issued: live value → arm value. The first binding of a value stays: a list in
 * another order must not rename what its creation named. Names that are not used for long are forgotten.
 */
export class Bindings {
  readonly #shared: SharedNames;
  readonly #bit: number;
  readonly #strong: Replacer;
  readonly #weak = new Map<string, Weak[]>();
  readonly #backward: Replacer;
  readonly #seen = new GenerationSet(SEEN_VALUES);
  /** Words of the live values that are bound. They go with the bindings. */
  readonly #bound = new GenerationSet(Infinity);

  /** `arm`: its number among those that share names, up to 7. */
  constructor(shared = new SharedNames(), arm = 0) {
    this.#shared = shared;
    this.#bit = 1 << arm;
    const { generations } = shared;
    this.#strong = new Replacer((live) => generations.keep(live));
    this.#backward = new Replacer((name) => generations.keep(this.#backward.get(name)!));
    generations.join({ rotate: () => this.#rotate(), keep: (live) => this.#keep(live) });
  }

  /** Notes words the arm's answers hold: a value it has itself needs no binding. */
  see(word: string): void {
    this.#seen.add(word);
  }

  /** Whether the arm knows live's value, under the same or another name. */
  knows(live: string): boolean {
    return this.#seen.has(live) || this.#bound.has(live) || this.#weak.has(live);
  }

  /** Whether the arm knew a name for live's value once, and does not any more. */
  hasForgotten(live: string): boolean {
    return (this.#shared.ever.bits(live) & this.#bit) !== 0 && !this.knows(live);
  }

  hasSeen(word: string): boolean {
    return this.#seen.has(word);
  }

  /** Binds two values found in the same place. `random`: the old release itself does not repeat the value. */
  bind(live: string, arm: string, role: Role, random: boolean): void {
    const strength = strengthOf(live);
    const strong = strength === 'strong' || (random && strength !== 'sequence' && live.length >= 6);
    if (strong) {
      if (this.#strong.get(live) !== undefined) return;
      const namesake = this.#backward.get(arm);
      // One value of the arm's may be two of live's only where the one is a part of the other (a token, and the cookie
      // that holds the token and its hash).
      if (namesake === undefined || isPart(live, namesake) || isPart(namesake, live)) this.#set(live, arm);
    } else if (strength === 'weak') this.bindWhole(live, arm);
    else if (strength === 'sequence') this.#addWeak(live, { arm, role });
  }

  /** Binds a value that counts only where it is the whole value, in whatever role: a code, a date. */
  bindWhole(live: string, arm: string): void {
    this.#addWeak(live, { arm, role: undefined });
  }

  #addWeak(live: string, weak: Weak): void {
    const others = (this.#weak.get(live) ?? []).filter((other) => !sameRole(other.role, weak.role));
    this.#weak.set(live, [...others.slice(1 - ROLES), weak]);
    if (this.#weak.size <= WEAK_VALUES) return;
    for (const oldest of this.#weak.keys()) {
      this.#weak.delete(oldest);
      break;
    }
  }

  #set(live: string, arm: string): void {
    this.#put(live, arm);
    for (const { word } of words(live)) if (!arm.includes(word)) this.#shared.ever.add(word, this.#bit);
  }

  #put(live: string, arm: string): void {
    this.#strong.set(live, arm);
    // The first one stays what the arm's value is called.
    if ((this.#backward.get(arm) ?? live) === live) this.#backward.set(arm, live);
    this.#shared.generations.added();
    for (const { word } of words(live)) this.#bound.add(word);
    if (isWord(live) && isWord(arm)) return;
    // The same values as they stand in URLs and cookies, where that is another text.
    const [liveUrl, armUrl] = [encodeURIComponent(live), encodeURIComponent(arm)];
    if (liveUrl !== live) this.#strong.set(liveUrl, armUrl);
  }

  #keep(live: string): void {
    const arm = this.#strong.get(live);
    if (arm === undefined) return;
    if (this.#backward.get(arm) === live) this.#put(live, arm);
    else this.#strong.set(live, arm);
  }

  #rotate(): void {
    this.#strong.rotate();
    this.#backward.rotate();
    this.#bound.rotate();
  }

  /** Every value that identifies by itself, replaced wherever it stands. */
  inText(text: string): string {
    return this.#strong.replace(text);
  }

  /** The arm's text in live's words. */
  toLive(text: string): string {
    return this.#backward.replace(text);
  }

  /** A whole value (a field, a query value, a path segment) in its role. */
  inValue(value: string, role: Role): string {
    const weak = this.#weak.get(value);
    const fit = weak?.findLast((w) => w.role === undefined || plays(w.role, role));
    if (fit !== undefined) return fit.arm;
    return this.inText(value);
  }

  get hasWeak(): boolean {
    return this.#weak.size > 0;
  }
}

function isPart(part: string, whole: string): boolean {
  return whole.includes(part);
}

function sameRole(a: Role | undefined, b: Role | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.key === b.key && a.resources.join() === b.resources.join();
}

/** Names that a thing's number goes by. */
const ID_NAME = /(id|key|number|no|code|ref|location)$/;

/** Whether a small number used in `use` can be the one that was issued as `issued`. */
function plays(issued: Role, use: Role): boolean {
  const key = plain(use.key);
  const issuedKey = plain(issued.key);
  if (key === issuedKey && issuedKey !== 'id') return true;
  if (!ID_NAME.test(issuedKey)) return false;
  const resources = issued.resources.map(plain);
  // A path segment is named by the one before it: /orders/17.
  if (use.key.startsWith('/')) return resources.includes(key) || singular(key) + 'id' === issuedKey;
  if (resources.some((resource) => key === singular(resource) + 'id' || key === singular(resource)))
    return true;
  return key === 'id' && issuedKey === 'id' && use.resources.some((r) => resources.includes(plain(r)));
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function singular(word: string): string {
  return word.replace(/ies$/, 'y').replace(/s$/, '');
}
