import { COARSE, FINE, isWord, wordEnd, wordStart } from '../correlate/characters.js';
import { Replacer, replace } from '../correlate/replacer.js';
import { strengthOf } from '../correlate/tokens.js';
import type { Four } from './observation.js';
import { formatOf } from './shape.js';

/** Live's place beside the four arms'. */
export const LIVE_SIDE = 4;

/** Words shorter than this are never made a symbol: they would stand for too much. */
const SHORTEST_ID = 6;

/** Letters alone must be so many as that to be taken for random. */
const SHORTEST_RANDOM = 8;

/** How many values are remembered under their names, at least. */
const NAMES = 100_000;

/** What one name stands for in each arm, and in live where it is known. */
interface Named {
  readonly values: Four<string>;
  readonly live: string | undefined;
}

/**
 * The values the old release issued at random, each under one name for all arms: ⟨id 17⟩. A value gets a name only
 * where the old side itself does not repeat it, so a value that the update alone changed is never hidden behind one.
 *
 * Names that are not used for long are forgotten, in all arms at once: their values stand for themselves again, which
 * makes noise of them (the old release does not repeat them) and never a difference.
 */
export class Symbols {
  /** The four arms', and live's. */
  readonly #sides: readonly Replacer[];
  /** There is one arm a release. */
  readonly single: boolean;
  readonly #most: number;
  #young = new Map<string, Named>();
  #old = new Map<string, Named>();
  #count = 0;
  #hasForgotten = false;

  /** `single`: there is one new arm, whose value stands twice. `names`: how many are remembered, at least. */
  constructor(single: boolean, names = NAMES) {
    this.single = single;
    this.#most = names;
    this.#sides = [0, 1, 2, 3, LIVE_SIDE].map(() => {
      const replacer: Replacer = new Replacer((value) => this.#keep(replacer.get(value)!));
      return replacer;
    });
  }

  /** Whether a name was forgotten so far. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  /** Between two exchanges: time to forget, or not. */
  turn(): void {
    if (this.#young.size < this.#most) return;
    this.#hasForgotten ||= this.#old.size > 0;
    this.#old = this.#young;
    this.#young = new Map();
    for (const side of this.#sides) side.rotate();
  }

  /** The name is used: it must not be forgotten with its generation, in no arm. */
  #keep(name: string): void {
    const named = this.#old.get(name);
    if (named !== undefined && !this.#young.has(name)) this.#put(name, named);
  }

  #put(name: string, named: Named): void {
    this.#young.set(name, named);
    for (const [side, value] of named.values.entries()) this.#sides[side]!.set(value, name);
    if (named.live !== undefined) this.#sides[LIVE_SIDE]!.set(named.live, name);
    // Of answers, live's stands for the second old arm's; of effects, which live does not show, the old arm's own.
    if (this.single) this.#sides[1]!.set(named.values[0], name);
  }

  /** Whether a value of some side may stand in the text: it has a word as long as one of theirs. */
  mayName(text: string): boolean {
    return this.#sides.some((side) => side.mayFind(text));
  }

  /** The text with every named value as its symbol. */
  apply(side: number, text: string): string {
    return replace(this.#sides[side]!, text);
  }

  /** Names the words that differ between the texts of one place. `live`: live's text there, when it has one. */
  mint(texts: Four<string>, live: string | undefined): void {
    if (texts.every(isWord) && (live === undefined || isWord(live))) {
      this.#mintWord(texts, live);
      return;
    }
    for (const kinds of [FINE, COARSE]) {
      const [first, ...rest] = texts.map((text) => rowOf(text, kinds));
      if (rest.some(({ skeleton }) => skeleton !== first!.skeleton)) continue;
      const liveRow = live === undefined ? undefined : rowOf(live, kinds);
      const liveWords = liveRow?.skeleton === first!.skeleton ? liveRow.words : undefined;
      for (const [i, word] of first!.words.entries())
        this.#mintWord(
          [word, ...rest.map(({ words }) => words[i]!)] as unknown as Four<string>,
          liveWords?.[i],
        );
      break;
    }
    // A value of several words is named whole too: its short pieces have no names. A line of several values is none.
    if (texts.every((text) => /^[^\s,;()[\]{}"'<>]+$/.test(text)) && this.#isDrawnBeside(texts))
      this.#mintWord(texts, live);
  }

  /** Whether the old release draws something in the texts beside what has a name: what it repeats must not be hidden. */
  #isDrawnBeside(texts: Four<string>): boolean {
    return this.apply(0, texts[0]) !== this.apply(1, texts[1]);
  }

  #mintWord(values: Four<string>, live: string | undefined): void {
    const [oldA, oldB, newA, newB] = values;
    if (values.every((value) => value === oldA)) return;
    const repeated = oldA === oldB && (live === undefined || live === oldA);
    // With one arm a release and no live to compare with, only its form can tell an issued value.
    if (repeated && !(this.single && live === undefined && areIssuedAlike(oldA, newA))) return;
    // Random before and fixed now is a change, not a name.
    if (!this.single && oldA !== oldB && newA === newB) return;
    const distinct = new Set(values).size === (this.single ? 3 : 4);
    if (values.some((value, side) => this.#sides[side]!.get(value) !== undefined)) return;
    const identified = values.every((value) => identifies(value, distinct));
    const random = (): boolean => distinct && areRandomTogether(values);
    if (!identified && !random()) return;
    this.#count += 1;
    const name = `⟨id ${this.#count}⟩`;
    const isNamedLive = live !== undefined && (identifies(live, distinct) || random());
    this.#put(name, { values, live: isNamedLive ? live : undefined });
  }
}

function areIssuedAlike(old: string, fresh: string): boolean {
  const alike = old.length === fresh.length && formatOf(old) === formatOf(fresh);
  return alike && [old, fresh].every((text) => strengthOf(text) === 'strong');
}

/** The words of a text of characters of `kinds`, and the text with `w` for each. */
function rowOf(
  text: string,
  kinds: number,
): { readonly words: readonly string[]; readonly skeleton: string } {
  const words: string[] = [];
  let skeleton = '';
  let end = 0;
  for (let start = wordStart(text, 0, kinds); start < text.length; start = wordStart(text, end, kinds)) {
    skeleton += `${text.slice(end, start)}w`;
    end = wordEnd(text, start, kinds);
    words.push(text.slice(start, end));
  }
  return { words, skeleton: skeleton + text.slice(end) };
}

function identifies(value: string, distinct: boolean): boolean {
  const strength = strengthOf(value);
  return strength === 'strong' || (distinct && strength === 'weak' && value.length >= SHORTEST_ID);
}

/**
 * One random text may have no digit among its letters and read like a word. Four of one length that are all different
 * look random together: some have digits, and cases are mixed as words do not mix them.
 */
function areRandomTogether(values: Four<string>): boolean {
  const [first] = values;
  if (!values.every((value) => value.length === first.length && /^[A-Za-z0-9_-]+$/.test(value))) return false;
  const mixed = values.filter((value) => /[a-z]/.test(value) && /.[A-Z]/.test(value)).length;
  if (first.length >= SHORTEST_RANDOM && mixed === values.length) return true;
  const telling = values.filter((value) => strengthOf(value) !== 'plain').length;
  return first.length >= SHORTEST_ID && telling >= (mixed > 1 ? 1 : 2);
}
