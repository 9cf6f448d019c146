import { parseAnswer, percentDecode, type RawAnswer } from '../answer.js';
import { parseJson } from '../body/json.js';
import { isArray, isObject, type Tree } from '../body/tree.js';

export type Variables = Map<string, string>;

/** `{{name}}` replaced by its value; a name nobody captured stays as it is, for the app to refuse. */
export function fillIn(text: string, variables: Variables): string {
  return text.replace(/\{\{([\w.-]+)\}\}/g, (whole, name: string) => variables.get(name) ?? whole);
}

/** A path filled in. What a variable it begins with was told (a Location, say) may be a whole URL, or relative to the root. */
export function pathIn(text: string, variables: Variables): string {
  const filled = fillIn(text, variables);
  if (text.startsWith('/')) return filled;
  const path = filled.replace(/^https?:\/\/[^/?#]*/i, '').replace(/#.*$/s, '');
  return path.startsWith('/') ? path : `/${path}`;
}

/**
 * What a capture expression finds in an answer: `$.a.b[0]` (JSON body), `header:name`, `cookie:name` (as it stands in
 * Set-Cookie), `regex:…(group)` on the body. Undefined: nothing.
 */
export function captureFrom(answer: RawAnswer, expression: string): string | undefined {
  if (expression.startsWith('header:')) return parseAnswer(answer).headers[expression.slice(7).toLowerCase()];
  if (expression.startsWith('cookie:')) return rawCookie(answer, expression.slice(7));
  const text = Buffer.from(answer.body).toString('utf8');
  if (expression.startsWith('regex:')) return new RegExp(expression.slice(6)).exec(text)?.[1];
  const tree = parseJson(text);
  return tree === undefined ? undefined : atPath(tree, expression);
}

/** The value as sent, still encoded: it goes back as it came. */
function rawCookie(answer: RawAnswer, name: string): string | undefined {
  for (const [field, value] of answer.headers) {
    if (field.toLowerCase() !== 'set-cookie') continue;
    const pair = value.split(';')[0]!;
    const at = pair.indexOf('=');
    if (at >= 0 && percentDecode(pair.slice(0, at).trim()) === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

function atPath(tree: Tree, path: string): string | undefined {
  let value: Tree | undefined = tree;
  for (const [, key, index] of path.matchAll(/\.([\w$-]+)|\[(-?\d+|"[^"]*"|'[^']*')\]/g)) {
    if (isArray(value) && index !== undefined) value = value.at(Number(index));
    else if (isArray(value) && key !== undefined) value = value.at(Number(key));
    else if (isObject(value)) value = value[key ?? index!.replace(/^["']|["']$/g, '')];
    else return undefined;
  }
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
