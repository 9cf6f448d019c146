import { words } from './tokens.js';

interface Anchored {
  readonly from: string;
  readonly to: string;
  /** Where the anchor word begins in `from`. */
  readonly offset: number;
}

interface Hit {
  readonly start: number;
  readonly end: number;
  readonly to: string;
}

/**
 * Replaces many values in a text in one pass: each word of the text is looked up in a hash table, so the cost grows
 * with the text and not with the number of values. A value of several words (a signed cookie, base64 with `+` and
 * `/`) is anchored at its most telling word, and compared in full where that stands.
 */
export class Replacer {
  readonly #single = new Map<string, string>();
  readonly #anchored = new Map<string, Anchored[]>();

  get size(): number {
    return this.#single.size + this.#anchored.size;
  }

  /** The replacement of a whole value. */
  get(from: string): string | undefined {
    const single = this.#single.get(from);
    if (single !== undefined || this.#anchored.size === 0) return single;
    const anchor = anchorOf(from);
    return anchor && this.#anchored.get(anchor.word)?.find((entry) => entry.from === from)?.to;
  }

  /** Values without a word in them cannot be found again and are ignored. */
  set(from: string, to: string): void {
    const anchor = anchorOf(from);
    if (anchor === undefined) return;
    if (anchor.word === from) {
      this.#single.set(from, to);
      return;
    }
    const entries = this.#anchored.get(anchor.word) ?? [];
    this.#anchored.set(anchor.word, [
      ...entries.filter((entry) => entry.from !== from),
      { from, to, offset: anchor.index },
    ]);
  }

  /** Every value of the table that stands in `text` between word boundaries, replaced. */
  replace(text: string): string {
    if (this.size === 0) return text;
    const hits: Hit[] = [];
    for (const { word, index } of words(text)) {
      const single = this.#single.get(word);
      if (single !== undefined) hits.push({ start: index, end: index + word.length, to: single });
      for (const entry of this.#anchored.get(word) ?? []) {
        const start = index - entry.offset;
        if (start >= 0 && text.startsWith(entry.from, start) && bounded(text, start, entry.from))
          hits.push({ start, end: start + entry.from.length, to: entry.to });
      }
    }
    return hits.length === 0 ? text : splice(text, hits);
  }
}

/** The longest word, the last of equals: in a JWT or a signed value that is the part nobody shares. */
function anchorOf(value: string): { word: string; index: number } | undefined {
  let best: { word: string; index: number } | undefined;
  for (const found of words(value))
    if (best === undefined || found.word.length >= best.word.length) best = found;
  return best;
}

/** Whether the value at `start` is not a piece of a longer word. */
function bounded(text: string, start: number, value: string): boolean {
  const end = start + value.length;
  return !(inWord(text, start - 1) && inWord(text, start)) && !(inWord(text, end - 1) && inWord(text, end));
}

function inWord(text: string, index: number): boolean {
  return /[A-Za-z0-9_-]/.test(text.charAt(index));
}

/** The longest of overlapping hits wins, then the first. */
function splice(text: string, hits: Hit[]): string {
  hits.sort((a, b) => a.start - b.start || b.end - a.end);
  let out = '';
  let end = 0;
  for (const [i, hit] of hits.entries()) {
    if (hit.start < end) continue;
    if (coveredByLonger(hits, i)) continue;
    out += text.slice(end, hit.start) + hit.to;
    end = hit.end;
  }
  return out + text.slice(end);
}

function coveredByLonger(hits: readonly Hit[], index: number): boolean {
  const hit = hits[index]!;
  for (let i = index + 1; i < hits.length && hits[i]!.start < hit.end; i += 1)
    if (hits[i]!.end - hits[i]!.start > hit.end - hit.start) return true;
  return false;
}
