import { counted, html, type Html } from './html.js';

/**
 * How much a page holds, so that a browser opens it at once and prints it: some megabytes at most, whatever the report
 * has. What is left out is said where it would stand, and is in the JSON.
 */
export interface PageLimits {
  /** Differing places, over all groups. */
  readonly places: number;
  /** Characters of examples' values, over the page. Places beyond that are told without examples. */
  readonly exampleCharacters: number;
  /** Rows of any other list: noise, endpoints, packages, held back calls. */
  readonly rows: number;
}

export const PAGE_LIMITS: PageLimits = { places: 2000, exampleCharacters: 1_000_000, rows: 500 };

/** Characters of a name (an endpoint, a place, a target): more is an attack or an accident. */
export const NAME_CHARACTERS = 500;

/** A list's rows that are shown, and a line on the others. */
export function bounded<T>(
  rows: readonly T[],
  most: number,
  one: string,
  many?: string,
): { readonly shown: readonly T[]; readonly rest: Html | undefined } {
  const left = rows.length - most;
  if (left <= 0) return { shown: rows, rest: undefined };
  return { shown: rows.slice(0, most), rest: leftOut(counted(left, `more ${one}`, many && `more ${many}`)) };
}

export function leftOut(what: string): Html {
  return html`<p class="left-out">Not on this page: ${what}. All of it is in <code>--json</code>.</p>`;
}
