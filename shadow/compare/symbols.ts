import { Replacer } from '../correlate/replacer.js';
import { strengthOf } from '../correlate/tokens.js';
import type { Four } from './observation.js';
import { formatOf } from './shape.js';

/** Words that line up in several texts: [fine words], [what base64 and percent-encoding add]. */
const ALIGNMENTS = [/[A-Za-z0-9_-]+/g, /[A-Za-z0-9_+/=%~-]+/g];

/** Live's place beside the four arms'. */
export const LIVE_SIDE = 4;

/** Words shorter than this are never made a symbol: they would stand for too much. */
const SHORTEST_ID = 6;

/** Letters alone must be so many as that to be taken for random. */
const SHORTEST_RANDOM = 8;

/**
 * The values the old release issued at random, each under one name for all arms: ⟨id 17⟩. A value gets a name only
 * where the old side itself does not repeat it, so a value that the update alone changed is never hidden behind one.
 */
export class Symbols {
  /** The four arms', and live's. */
  readonly #sides = [0, 1, 2, 3, LIVE_SIDE].map(() => new Replacer());
  readonly #singleNew: boolean;
  #count = 0;

  /** `singleNew`: there is one new arm, whose value stands twice. */
  constructor(singleNew: boolean) {
    this.#singleNew = singleNew;
  }

  /** The text with every named value as its symbol. */
  apply(side: number, text: string): string {
    return this.#sides[side]!.replace(text);
  }

  /** Names the words that differ between the texts of one place. `live`: live's text there, when it has one. */
  mint(texts: Four<string>, live: string | undefined): void {
    for (const pattern of ALIGNMENTS) {
      const rows = texts.map((text) => [...text.matchAll(pattern)].map((match) => match[0]));
      const skeletons = texts.map((text) => text.replace(pattern, 'w'));
      if (skeletons.some((skeleton) => skeleton !== skeletons[0])) continue;
      const liveRow =
        live !== undefined && live.replace(pattern, 'w') === skeletons[0]
          ? [...live.matchAll(pattern)].map((match) => match[0])
          : undefined;
      for (const i of rows[0]!.keys())
        this.#mintWord(rows.map((row) => row[i]!) as unknown as Four<string>, liveRow?.[i]);
      break;
    }
    // A value of several words is named whole too: its short pieces have no names.
    if (texts.every((text) => text.length > 0 && !/\s/.test(text)) && !this.#areNamed(texts))
      this.#mintWord(texts, live);
  }

  #areNamed(texts: Four<string>): boolean {
    const [first, ...rest] = texts.map((text, side) => this.apply(side, text));
    return rest.every((text) => text === first);
  }

  #mintWord(values: Four<string>, live: string | undefined): void {
    const [oldA, oldB, newA, newB] = values;
    if (values.every((value) => value === oldA)) return;
    const repeated = oldA === oldB && (live === undefined || live === oldA);
    // With one arm a release and no live to compare with, only its form can tell an issued value.
    if (repeated && !(this.#singleNew && live === undefined && areIssuedAlike(oldA, newA))) return;
    // Random before and fixed now is a change, not a name.
    if (!this.#singleNew && oldA !== oldB && newA === newB) return;
    const distinct = new Set(values).size === (this.#singleNew ? 3 : 4);
    const random = distinct && areRandomTogether(values);
    if (!random && !values.every((value) => identifies(value, distinct))) return;
    const named = values.map((value, side) => this.#sides[side]!.get(value));
    if (named.some((name) => name !== undefined)) return;
    this.#count += 1;
    const name = `⟨id ${this.#count}⟩`;
    for (const [side, value] of values.entries()) this.#sides[side]!.set(value, name);
    if (live !== undefined && (random || identifies(live, distinct))) this.#sides[LIVE_SIDE]!.set(live, name);
  }
}

function areIssuedAlike(old: string, fresh: string): boolean {
  const alike = old.length === fresh.length && formatOf(old) === formatOf(fresh);
  return alike && [old, fresh].every((text) => strengthOf(text) === 'strong');
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
