import type { HeaderField } from '../../common/index.js';
import { percentDecode } from '../answer.js';
import { looksLikeJson, parseJson } from '../body/json.js';
import { isArray, isObject, type Tree } from '../body/tree.js';
import type { Names } from './names.js';
import { resourcesOf, splitTarget } from './role.js';
import { identifyingWords } from './tokens.js';

export interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
}

/** One text for each arm. Undefined: no arm has another one than live. */
type Texts = readonly string[] | undefined;

type Change = (text: string) => Texts;

/** The request in each arm's words: every live value the arm calls otherwise, replaced wherever it stands. */
export function rewriteRequest(request: Request, names: Names): readonly Request[] {
  const targets = rewriteTarget(request.target, names);
  const values = request.headers.map(([name, value]) => rewriteHeader(name, value, names));
  const bodies = rewriteBody(request, names);
  return Array.from({ length: names.arms }, (_, arm) => ({
    method: request.method,
    target: targets?.[arm] ?? request.target,
    headers: request.headers.map((field, i): HeaderField => {
      const texts = values[i];
      return texts === undefined ? field : [field[0], texts[arm]!];
    }),
    body: bodies?.[arm] ?? request.body,
  }));
}

function rewriteTarget(target: string, names: Names): Texts {
  const resources = resourcesOf(target);
  const { segments, query } = splitTarget(target);
  const path = joined(segments, '/', (segment, i) =>
    inEncoded(segment, (text) =>
      names.inValue(text, { key: `/${percentDecode(segments[i - 1] ?? '')}`, resources }),
    ),
  );
  const pairs = query === undefined ? undefined : rewritePairs(query, resources, names);
  if (path === undefined && pairs === undefined) return undefined;
  return each(names, (arm) => {
    const rewritten = path?.[arm] ?? segments.join('/');
    return query === undefined ? rewritten : `${rewritten}?${pairs?.[arm] ?? query}`;
  });
}

/** `a=1&b=2`, in a query or a form: each value decoded, replaced, and encoded again only where it changed. */
function rewritePairs(pairs: string, resources: readonly string[], names: Names): Texts {
  return joined(pairs.split('&'), '&', (pair) => {
    const at = pair.indexOf('=');
    if (at < 0) return inEncoded(pair, (text) => names.inText(text));
    const name = pair.slice(0, at);
    const role = { key: percentDecode(name), resources };
    const values = inEncoded(pair.slice(at + 1), (text) =>
      viaBase64(text, (inner) => names.inValue(inner, role), names),
    );
    return values?.map((value) => `${name}=${value}`);
  });
}

function each(names: Names, of: (arm: number) => string): readonly string[] {
  return Array.from({ length: names.arms }, (_, arm) => of(arm));
}

/** The parts, changed, put together again. */
function joined(
  parts: readonly string[],
  separator: string,
  change: (part: string, index: number) => Texts,
): Texts {
  const changed = parts.map(change);
  const arms = changed.find((texts) => texts !== undefined);
  return arms?.map((_, arm) => parts.map((part, i) => changed[i]?.[arm] ?? part).join(separator));
}

/** Applies to the decoded text; for an arm where nothing changed, the text as it came. */
function inEncoded(text: string, change: Change): Texts {
  const decoded = percentDecode(text.replace(/\+/g, '%20'));
  return change(decoded)?.map((changed) => (changed === decoded ? text : encodeURIComponent(changed)));
}

/** A cursor may hide an id in base64: what is inside is replaced where the whole is not bound itself. */
function viaBase64(text: string, change: Change, names: Names): Texts {
  const changed = change(text);
  if (text.length < 12 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return changed;
  const url = /[-_]/.test(text);
  const decoded = Buffer.from(text, url ? 'base64url' : 'base64').toString('utf8');
  if (!/^[\x20-\x7e]+$/.test(decoded)) return changed;
  const inside = names.inText(decoded);
  if (inside === undefined) return changed;
  const coding = url || !text.endsWith('=') ? 'base64url' : 'base64';
  return inside.map((within, arm) => {
    const whole = changed?.[arm] ?? text;
    return whole !== text || within === decoded ? whole : Buffer.from(within).toString(coding);
  });
}

function rewriteHeader(name: string, value: string, names: Names): Texts {
  switch (name.toLowerCase()) {
    case 'cookie':
      return rewriteCookies(value, names);
    case 'authorization': {
      const basic = /^Basic +(\S+)$/i.exec(value);
      if (!basic) return names.inText(value);
      const decoded = Buffer.from(basic[1]!, 'base64').toString('utf8');
      return names
        .inText(decoded)
        ?.map((changed) =>
          changed === decoded ? value : `Basic ${Buffer.from(changed).toString('base64')}`,
        );
    }
    case 'host':
      return undefined;
    default:
      return names.inValue(value, { key: name, resources: [] });
  }
}

function rewriteCookies(field: string, names: Names): Texts {
  const pairs = field.split(/; */);
  const texts = joined(pairs, '; ', (pair) => {
    const at = pair.indexOf('=');
    if (at < 0) return undefined;
    const role = { key: pair.slice(0, at), resources: [] };
    return inCookie(pair.slice(at + 1), (text) => names.inValue(text, role))?.map(
      (value) => `${pair.slice(0, at)}=${value}`,
    );
  });
  return texts ?? each(names, () => pairs.join('; '));
}

function inCookie(text: string, change: Change): Texts {
  const decoded = percentDecode(text);
  return change(decoded)?.map((changed) => {
    if (changed === decoded) return text;
    return decoded === text ? changed : encodeURIComponent(changed);
  });
}

function rewriteBody(request: Request, names: Names): readonly Uint8Array[] | undefined {
  if (request.body.length === 0) return undefined;
  const fields = new Map(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
  if ((fields.get('content-encoding') ?? 'identity') !== 'identity') return undefined;
  const type = (fields.get('content-type') ?? '').toLowerCase();
  const bytes = Buffer.from(request.body.buffer, request.body.byteOffset, request.body.byteLength);
  // latin1 carries every byte through unharmed; the values that are replaced are ASCII.
  const text = bytes.toString('latin1');
  const resources = resourcesOf(request.target);
  if (type.startsWith('application/x-www-form-urlencoded'))
    return rewritePairs(text, resources, names)?.map((changed) => changedBytes(bytes, text, changed));
  const inText = names.inText(text)?.map((changed) => changedBytes(bytes, text, changed));
  if (!names.hasWeak || !looksLikeJson(text)) return inText;
  return rewriteJsonValues(bytes, inText, resources, names);
}

function changedBytes(bytes: Buffer, before: string, after: string): Buffer {
  return before === after ? bytes : Buffer.from(after, 'latin1');
}

/** Whole values in their roles, in `bytes` or what each arm has instead; written anew only where one was replaced. */
function rewriteJsonValues(
  bytes: Buffer,
  inText: readonly Buffer[] | undefined,
  resources: readonly string[],
  names: Names,
): readonly Uint8Array[] | undefined {
  const hasName = (text: string, key: string): boolean => names.hasWhole(text, { key, resources });
  if (!someValue(parseJson(bytes.toString('utf8')), '', hasName)) return inText;
  return Array.from({ length: names.arms }, (_, arm) => {
    const own = inText?.[arm] ?? bytes;
    const tree = parseJson(own.toString('utf8'));
    if (tree === undefined) return own;
    let changed = false;
    const rewritten = mapValues(tree, '', (value, key) => {
      const text = String(value);
      const mine = names.inValue(text, { key, resources })?.[arm] ?? text;
      if (mine === text) return value;
      changed = true;
      return typeof value === 'number' && Number.isFinite(Number(mine)) ? Number(mine) : mine;
    });
    return changed ? Buffer.from(JSON.stringify(rewritten)) : own;
  });
}

function someValue(
  tree: Tree | undefined,
  key: string,
  test: (text: string, key: string) => boolean,
): boolean {
  if (isArray(tree)) return tree.some((item) => someValue(item, key, test));
  if (isObject(tree)) return Object.entries(tree).some(([name, value]) => someValue(value, name, test));
  return (typeof tree === 'string' || typeof tree === 'number') && test(String(tree), key);
}

/** The tree with every text and number changed; items of a list go by the list's name. */
function mapValues(
  tree: Tree,
  key: string,
  change: (value: string | number, key: string) => string | number,
): Tree {
  if (isArray(tree)) return tree.map((item) => mapValues(item, key, change));
  if (isObject(tree))
    return Object.fromEntries(
      Object.entries(tree).map(([name, value]) => [name, mapValues(value, name, change)]),
    );
  return typeof tree === 'string' || typeof tree === 'number' ? change(tree, key) : tree;
}

/** Every identifying word of a request, encoded parts decoded: what it may have from an earlier answer. */
export function requestWords(request: Request): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (text: string): void => {
    for (const word of identifyingWords(text)) found.add(word);
  };
  add(percentDecode(request.target));
  for (const [name, value] of request.headers)
    if (!/^(user-agent|accept.*|dharma-.*|host|content-.*)$/i.test(name)) add(percentDecode(value));
  if (request.body.length > 0)
    add(
      percentDecode(
        Buffer.from(request.body.buffer, request.body.byteOffset, request.body.byteLength).toString('latin1'),
      ),
    );
  return found;
}
