import type { Answer } from '../answer.js';
import { isArray, isObject, type Tree, type TreeObject } from '../body/tree.js';
import type { GenerationSet } from './generation-set.js';
import type { Names } from './names.js';
import { parseTimeText } from './time-text.js';
import { differingWords, identifyingWords, strengthOf, type WordPair } from './tokens.js';
import type { Role } from './weak-names.js';

/** One exchange, answered by live and by the arms. An arm that gave no answer is undefined. */
export interface Answered {
  readonly live: Answer;
  readonly arms: readonly (Answer | undefined)[];
  /** Index of the arms that run the old release. */
  readonly old: readonly number[];
  /** What the live request's path is about. */
  readonly resources: readonly string[];
  /** Words that stood in live's request: live did not issue them here. */
  readonly requestWords: ReadonlySet<string>;
  /** GET, HEAD, OPTIONS: it shows what is there. */
  readonly safe: boolean;
  readonly nowMs: number;
}

export interface Memory {
  readonly names: Names;
  /** Identifying words live's answers held. */
  readonly liveSeen: GenerationSet;
  /** Values live issued that no arm had when they were issued. */
  readonly unbound: GenerationSet;
}

/** Learns from an exchange what each arm calls the values live issued in it. */
export function learn(answered: Answered, memory: Memory): void {
  const { live, arms, safe } = answered;
  const reading = new Reading(answered, memory);
  const part = (of: (answer: Answer) => Tree): (Tree | undefined)[] => arms.map((arm) => arm && of(arm));
  // First all that is seen, so that a value both sides have (in another place) is never taken for another's name.
  reading.readHeaders(
    live.headers,
    arms.map((arm) => arm?.headers),
  );
  reading.read(
    live.cookies,
    part((a) => a.cookies),
    { key: '', evenFixed: true },
  );
  reading.read(
    live.body.tree,
    part((a) => a.body.tree),
    { key: '', evenFixed: !safe },
  );
  for (const leaf of reading.differing) bindLeaf(leaf, answered, memory);
  for (const word of reading.issued) {
    if (memory.names.anyKnows(word)) memory.unbound.delete(word);
    else memory.unbound.add(word);
  }
}

/**
 * Notes what live issued in an exchange that the arms do not see. A safe request (GET) shows what is there already:
 * it only issues cookies.
 */
export function noteIssued(
  live: Answer,
  safe: boolean,
  requestWords: ReadonlySet<string>,
  memory: Memory,
): void {
  eachLeaf(safe ? live.cookies : answerTree(live), (text) => {
    for (const word of identifyingWords(text))
      if (!requestWords.has(word) && !memory.names.anyKnows(word)) memory.unbound.add(word);
  });
}

/** What of an answer can carry issued values. */
export function answerTree(answer: Answer): Tree {
  return { headers: answer.headers, cookies: answer.cookies, body: answer.body.tree };
}

function eachLeaf(tree: Tree | undefined, visit: (text: string) => void): void {
  if (typeof tree === 'string') visit(tree);
  else if (typeof tree === 'number') visit(String(tree));
  else if (isArray(tree)) for (const item of tree) eachLeaf(item, visit);
  else if (isObject(tree)) for (const value of Object.values(tree)) eachLeaf(value, visit);
}

/** Fields that issue nothing: they tell of the connection and of the body's form. */
const NO_ISSUE =
  /^(date|connection|keep-alive|content-(length|type|encoding)|transfer-encoding|age|x-response-time|server-timing)$/;

/** Where in an answer a value stands, and what may be bound there. */
interface Spot {
  readonly key: string;
  /** A value that the old release repeats is bound too: the client sends it back as it got it. */
  readonly evenFixed: boolean;
}

/** A value that is not the same in live's answer and in all arms'. */
interface DifferingLeaf {
  readonly spot: Spot;
  readonly live: string;
  readonly arms: readonly (string | undefined)[];
}

/** Reads live's and the arms' answers side by side: what is the same in all of them is read once. */
class Reading {
  /** In the order of live's answer. */
  readonly differing: DifferingLeaf[] = [];
  /** Words live issued here, and not all arms in the same place. */
  readonly issued = new Set<string>();
  readonly #requestWords: ReadonlySet<string>;
  readonly #memory: Memory;

  constructor(answered: Answered, memory: Memory) {
    this.#requestWords = answered.requestWords;
    this.#memory = memory;
  }

  readHeaders(
    live: Readonly<Record<string, string>>,
    arms: readonly (Readonly<Record<string, string>> | undefined)[],
  ): void {
    for (const [name, value] of Object.entries(live)) {
      const values = arms.map((arm) => own(arm, name));
      this.read(value, values, NO_ISSUE.test(name) ? undefined : { key: name, evenFixed: true });
    }
    for (const [i, arm] of arms.entries()) if (arm !== undefined) this.#seeUnmatched(i, arm, live);
  }

  /** `spot`: undefined where nothing is bound. */
  read(live: Tree | undefined, arms: readonly (Tree | undefined)[], spot: Spot | undefined): void {
    // Trees have in common what is the same in all: nothing can differ below.
    if (typeof live === 'object' && arms.every((arm) => arm === live))
      eachLeaf(live, (text) => this.#seeSame(text));
    else if (isArray(live)) this.#readArray(live, arms, spot);
    else if (isObject(live)) this.#readObject(live, arms, spot);
    else {
      if (typeof live === 'string' || typeof live === 'number') this.#readLeaf(live, arms, spot);
      else for (const [i, arm] of arms.entries()) this.#see(i, arm);
    }
  }

  #readArray(live: readonly Tree[], arms: readonly (Tree | undefined)[], spot: Spot | undefined): void {
    const alike = arms.map((arm) => (isArray(arm) ? arm : undefined));
    for (const [index, item] of live.entries())
      if (!this.#readSame(item, alike, index))
        this.read(
          item,
          alike.map((arm) => arm?.[index]),
          spot,
        );
    for (const [i, arm] of arms.entries()) {
      if (!isArray(arm)) this.#see(i, arm);
      else for (let index = live.length; index < arm.length; index += 1) this.#see(i, arm[index]);
    }
  }

  #readObject(live: TreeObject, arms: readonly (Tree | undefined)[], spot: Spot | undefined): void {
    const alike = arms.map((arm) => (isObject(arm) && arm['#'] === live['#'] ? arm : undefined));
    for (const name of Object.keys(live)) {
      const value = live[name];
      if (this.#readSame(value, alike, name)) continue;
      this.read(
        value,
        alike.map((arm) => own(arm, name)),
        spot && { ...spot, key: roleKey(name, live) },
      );
    }
    for (const [i, arm] of arms.entries()) {
      if (alike[i] === undefined) this.#see(i, arm);
      else this.#seeUnmatched(i, alike[i], live);
    }
  }

  /** What an arm's object has beside live's. */
  #seeUnmatched(arm: number, object: TreeObject, live: TreeObject): void {
    for (const name in object) if (!Object.hasOwn(live, name)) this.#see(arm, object[name]);
  }

  /** Reads a value that has nothing below it and is the same everywhere; false: it is not. */
  #readSame(
    live: Tree | undefined,
    arms: readonly (Readonly<Record<string | number, Tree>> | readonly Tree[] | undefined)[],
    name: string | number,
  ): boolean {
    if (typeof live === 'object') return false;
    for (const arm of arms)
      if ((arm as Readonly<Record<string | number, Tree>> | undefined)?.[name] !== live) return false;
    if (typeof live === 'string') this.#seeSame(live);
    else if (typeof live === 'number' && !isShort(live)) this.#seeSame(String(live));
    return true;
  }

  #seeSame(text: string): void {
    for (const word of identifyingWords(text)) {
      this.#memory.liveSeen.add(word);
      this.#memory.names.seeInAll(word);
      if (!this.#requestWords.has(word)) this.#memory.unbound.delete(word);
    }
  }

  #readLeaf(live: string | number, arms: readonly (Tree | undefined)[], spot: Spot | undefined): void {
    const text = String(live);
    for (const word of identifyingWords(text)) {
      this.#memory.liveSeen.add(word);
      if (!this.#requestWords.has(word)) this.issued.add(word);
    }
    const texts: (string | undefined)[] = [];
    let isSame = true;
    for (let i = 0; i < arms.length; i += 1) {
      const arm = leafText(arms[i]);
      texts.push(arm);
      if (arm === undefined) this.#see(i, arms[i]);
      else this.#seeText(i, arm);
      isSame &&= arm === text;
    }
    if (spot !== undefined && !isSame) this.differing.push({ spot, live: text, arms: texts });
  }

  #see(arm: number, tree: Tree | undefined): void {
    eachLeaf(tree, (text) => this.#seeText(arm, text));
  }

  #seeText(arm: number, text: string): void {
    for (const word of identifyingWords(text)) this.#memory.names.see(arm, word);
  }
}

/** A number too short for its digits to identify anything. */
function isShort(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 1e9;
}

function own<T>(object: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;
}

/** A form field's value plays the role that the field's name says. */
function roleKey(name: string, element: { readonly [key: string]: Tree }): string {
  const field = element['@name'];
  return name === '@value' && typeof field === 'string' ? field : name;
}

function leafText(tree: Tree | undefined): string | undefined {
  return typeof tree === 'string' || typeof tree === 'number' ? String(tree) : undefined;
}

function bindLeaf(leaf: DifferingLeaf, answered: Answered, memory: Memory): void {
  const { spot, live, arms } = leaf;
  const old = answered.old.map((i) => arms[i]).filter((arm) => arm !== undefined);
  // What the old release repeats and the new one tells otherwise, when it shows what is there, is another thing.
  if (!spot.evenFixed && old.every((arm) => arm === live)) return;
  // Old arms that agree with each other and not with live tell of other data, not of a value made up on the spot.
  const random = old.length > 1 ? new Set(old).size > 1 : old.some((arm) => arm !== live);
  const role: Role = { key: spot.key, resources: answered.resources };
  const apart = arms.map((arm) => (arm === live ? undefined : arm));
  if (parseTimeText(live, answered.nowMs) === undefined) bindTexts(live, apart, role, random, memory);
  else for (const [i, arm] of apart.entries()) if (arm !== undefined) memory.names.bindWhole(i, live, arm);
}

/** `arms`: what each has instead of live's text; undefined: the same, or nothing. */
function bindTexts(
  live: string,
  arms: readonly (string | undefined)[],
  role: Role,
  random: boolean,
  { names, liveSeen }: Memory,
): void {
  const rows = arms.map((arm) => (arm === undefined ? NO_PAIRS : differingWords(live, arm)));
  // Word by word, and of each word arm by arm: most often it is the same word of live's.
  for (let k = 0; rows.some((pairs) => k < pairs.length); k += 1)
    for (let side = 0; side < rows.length; side += 1) {
      const pair = rows[side]![k];
      // Live's value stands in the arm's data too, or the other way round: another thing, not another name.
      if (pair === undefined || names.hasSeen(side, pair.live) || liveSeen.has(pair.arm)) continue;
      names.bind(side, pair.live, pair.arm, role, random);
    }
  // A value of several words goes back whole where its pieces would not be found again one by one.
  for (const [side, pairs] of rows.entries()) {
    if (pairs.length === 0 || pairs[0]!.live === live || !pairs.some(isStrong)) continue;
    if (pairs.every((pair) => names.hasName(side, pair.live, pair.arm))) continue;
    if (!/\s/.test(live + arms[side]!)) names.bind(side, live, arms[side]!, role, random);
  }
}

const NO_PAIRS: readonly WordPair[] = [];

function isStrong(pair: WordPair): boolean {
  return strengthOf(pair.live) === 'strong';
}
