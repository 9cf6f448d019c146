import { percentDecode } from '../answer.js';
import { strengthOf } from './tokens.js';

export interface SplitTarget {
  /** Path segments as sent, still encoded. */
  readonly segments: readonly string[];
  /** After `?`; undefined where there is none. */
  readonly query: string | undefined;
}

export function splitTarget(target: string): SplitTarget {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return { segments: path.split('/'), query: mark < 0 ? undefined : target.slice(mark + 1) };
}

/** The words of a path that name what it is about: its segments that are no ids. */
export function resourcesOf(target: string): readonly string[] {
  return splitTarget(target)
    .segments.map(percentDecode)
    .filter((segment) => segment !== '' && strengthOf(segment) === 'plain');
}
