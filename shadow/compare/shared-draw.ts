import type { Four } from './observation.js';

/**
 * What both releases made of one draw. The arms `a` of both releases draw from one seed and the arms `b` from another, so
 * that a random part that stands in old-a's text and in new-a's, another one in old-b's and in new-b's, is the same draw:
 * what is around it then differs by the making and not by chance. Where nothing is seeded, no such part is found.
 */
export interface SharedDraw {
  readonly labels: Four<string>;
  /** What live shows of it: equal to old's label or not; undefined: it cannot be told. */
  readonly live: string | undefined;
}

/** Characters that two texts must share to share a draw: of digits alone, one chance in a million. */
const SHARED = 6;

/** How the texts of one place are made of the draws that old and new share; undefined: alike, or none is shared. */
export function sharedDraw(texts: Four<string>, live: string | undefined): SharedDraw | undefined {
  const [oldA, oldB, newA, newB] = texts;
  if (oldA === oldB || newA === newB || (oldA === newA && oldB === newB)) return undefined;
  return around(texts, live) ?? translated(texts, live);
}

interface Part {
  readonly start: number;
  readonly end: number;
  /** How much later it begins in the new text. */
  readonly shift: number;
}

/** The part of `old` that stands in `fresh` too and not in what the other old arm has. */
function partOf(old: string, fresh: string, other: string): Part | undefined {
  // A shared part of nine characters and more holds one of these windows whole, wherever it begins.
  for (let at = 0; at + SHARED <= old.length; at += SHARED / 2) {
    const window = old.slice(at, at + SHARED);
    const found = fresh.indexOf(window);
    if (found < 0 || other.includes(window)) continue;
    const shift = found - at;
    let start = at;
    while (start > 0 && old[start - 1] === fresh[start - 1 + shift]) start -= 1;
    let end = at + SHARED;
    while (end < old.length && old[end] === fresh[end + shift]) end += 1;
    return { start, end, shift };
  }
  return undefined;
}

/** What stands before and after the draw, in each release. */
function around(texts: Four<string>, live: string | undefined): SharedDraw | undefined {
  const [oldA, oldB, newA, newB] = texts;
  if (oldA === newA || oldB === newB) return undefined;
  const a = partOf(oldA, newA, oldB);
  const b = a && partOf(oldB, newB, oldA);
  if (a === undefined || b === undefined || a.shift !== b.shift) return undefined;
  const start = Math.max(a.start, b.start);
  const end = Math.min(a.end, b.end);
  if (varying(oldA, oldB, start, end) < SHARED) return undefined;
  const before = settled(texts.map((text, side) => text.slice(0, start + shiftOf(side, a))));
  const after = settled(texts.map((text, side) => text.slice(end + shiftOf(side, a))));
  const [old, fresh] = [0, 1].map((release) => `${before[release]!}⟨drawn⟩${after[release]!}`);
  if (old === fresh) return undefined;
  const isLike = live !== undefined && live.startsWith(plain(before[0])) && live.endsWith(plain(after[0]));
  // A number may be alike in both arms by chance: it takes live to say that the old release has no other.
  if (!isLike && withoutDigits(old!) === withoutDigits(fresh!)) return undefined;
  return {
    labels: [old!, old!, fresh!, fresh!],
    live: live === undefined ? undefined : isLike ? old : '(otherwise)',
  };
}

/** How many characters from `start` to `end` the old arms do not have alike: what both have was not drawn. */
function varying(oldA: string, oldB: string, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i += 1) if (oldA[i] !== oldB[i]) count += 1;
  return count;
}

function shiftOf(side: number, { shift }: Part): number {
  return side < 2 ? 0 : shift;
}

/** Stands for what the arms of a release do not share. */
const OPEN = '⟨…⟩';

/** What old and new have there; open in both, where one varies and the other has something fixed. */
function settled([oldA, oldB, newA, newB]: readonly string[]): readonly [string, string] {
  const old = oldA === oldB ? oldA! : OPEN;
  const fresh = newA === newB ? newA! : OPEN;
  const isOpen = old === OPEN || fresh === OPEN;
  return isOpen && old !== '' && fresh !== '' ? [OPEN, OPEN] : [old, fresh];
}

function plain(part: string): string {
  return part === OPEN ? '' : part;
}

function withoutDigits(text: string): string {
  return text.replace(/\d+/g, '9');
}

/** Texts of one length that are the same draw with some characters written as others (`+` as `-`). */
function translated(texts: Four<string>, live: string | undefined): SharedDraw | undefined {
  const [oldA, oldB, newA, newB] = texts;
  if (oldA.length !== newA.length || oldB.length !== newB.length) return undefined;
  const as = new Map<string, string>();
  const kept = new Set<string>();
  const areTranslated = translate(oldA, newA, oldB, as, kept) && translate(oldB, newB, oldA, as, kept);
  if (!areTranslated) return undefined;
  // A character that is sometimes written otherwise and sometimes not was not translated.
  if ([...as.keys()].some((character) => kept.has(character))) return undefined;
  const label = [...as.keys()].sort().join('');
  const other = [...as.values()].sort().join('');
  const isLike = live !== undefined && [...as.values()].every((character) => !live.includes(character));
  return {
    labels: [label, label, other, other],
    live: live === undefined ? undefined : isLike ? label : '(otherwise)',
  };
}

/** Notes what each character of `old` became in `fresh`; false: it is no translation. `other`: the other old arm's text. */
function translate(
  old: string,
  fresh: string,
  other: string,
  as: Map<string, string>,
  kept: Set<string>,
): boolean {
  let changed = 0;
  let shared = 0;
  for (let i = 0; i < old.length; i += 1) {
    const [was, is] = [old[i]!, fresh[i]!];
    if (was === is) {
      kept.add(was);
      if (other[i] !== was) shared += 1;
      continue;
    }
    if ((as.get(was) ?? is) !== is) return false;
    as.set(was, is);
    changed += 1;
  }
  return shared >= SHARED && changed < shared;
}
