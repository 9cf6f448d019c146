import { regexParts } from '../bson/compare.js';
import { typeName } from '../bson/types.js';
import { fault } from '../errors.js';

export function isRegex(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeName(value) === 'regex';
}

/** A JS regex for a `$regex` operand (a string or a regex) and its `$options`. What PCRE has and JS lacks is a fault. */
export function toRegExp(operand: unknown, options?: unknown): RegExp {
  const [pattern, ownOptions] = isRegex(operand) ? regexParts(operand) : [operand, ''];
  if (typeof pattern !== 'string') return fault(2, '$regex has to be a string');
  if (options !== undefined && typeof options !== 'string') return fault(2, '$options has to be a string');
  return compile(pattern, options ?? ownOptions);
}

function compile(written: string, options: string): RegExp {
  const inline = /^\(\?([imsx]+)\)/.exec(written);
  let pattern = inline === null ? written : written.slice(inline[0].length);
  const wanted = new Set([...options, ...(inline?.[1] ?? '')]);
  for (const option of wanted)
    if (!'imsxulg'.includes(option)) fault(51108, `invalid flag in regex options: ${option}`);
  if (wanted.has('x')) pattern = withoutComments(pattern);
  const flags = [...'ims'].filter((flag) => wanted.has(flag)).join('');
  try {
    return regExp(pattern, flags);
  } catch (error) {
    return fault(
      51091,
      `Regular expression is invalid: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function regExp(pattern: string, flags: string): RegExp {
  const portable = pattern
    .replace(/\\A/g, '^')
    .replace(/\\[zZ]/g, '$')
    .replaceAll('(?P<', '(?<');
  // Unicode mode sees characters beyond the basic plane as one, but refuses escapes that PCRE lets pass.
  try {
    return new RegExp(portable, `${flags}u`);
  } catch {
    return new RegExp(portable, flags);
  }
}

/** The `x` option: blanks and #-comments outside of classes are no part of the pattern. */
function withoutComments(pattern: string): string {
  return pattern.replace(/\\.|\[(?:\\.|[^\]\\])*\]|\s+|#.*$/gm, (part) => (/^(\s|#)/.test(part) ? '' : part));
}
