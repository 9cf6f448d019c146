import type { HeaderField } from '../../common/index.js';
import { percentDecode } from '../answer.js';
import { looksLikeJson, parseJson } from '../body/json.js';
import { isArray, isObject, type Tree } from '../body/tree.js';
import type { Bindings } from './bindings.js';
import { resourcesOf, splitTarget } from './role.js';
import { identifyingWords } from './tokens.js';

export interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
}

/** The request in an arm's words: every live value the arm calls otherwise, replaced wherever it stands. */
export function rewriteRequest(request: Request, bindings: Bindings): Request {
  return {
    method: request.method,
    target: rewriteTarget(request.target, bindings),
    headers: request.headers.map(([name, value]) => [name, rewriteHeader(name, value, bindings)]),
    body: rewriteBody(request, bindings),
  };
}

export function rewriteTarget(target: string, bindings: Bindings): string {
  const resources = resourcesOf(target);
  const { segments, query } = splitTarget(target);
  const path = segments.map((segment, i) =>
    inEncoded(segment, (text) =>
      bindings.inValue(text, { key: `/${percentDecode(segments[i - 1] ?? '')}`, resources }),
    ),
  );
  const rewritten = path.join('/');
  return query === undefined ? rewritten : `${rewritten}?${rewritePairs(query, resources, bindings)}`;
}

/** `a=1&b=2`, in a query or a form: each value decoded, replaced, and encoded again only where it changed. */
function rewritePairs(pairs: string, resources: readonly string[], bindings: Bindings): string {
  return pairs
    .split('&')
    .map((pair) => {
      const at = pair.indexOf('=');
      if (at < 0) return inEncoded(pair, (text) => bindings.inText(text));
      const name = pair.slice(0, at);
      const key = percentDecode(name);
      return `${name}=${inEncoded(pair.slice(at + 1), (text) => viaBase64(text, (t) => bindings.inValue(t, { key, resources }), bindings))}`;
    })
    .join('&');
}

/** Applies to the decoded text; the text as it came where nothing changed. */
function inEncoded(text: string, change: (decoded: string) => string): string {
  const decoded = percentDecode(text.replace(/\+/g, '%20'));
  const changed = change(decoded);
  return changed === decoded ? text : encodeURIComponent(changed);
}

/** A cursor may hide an id in base64: what is inside is replaced where the whole is not bound itself. */
function viaBase64(text: string, change: (text: string) => string, bindings: Bindings): string {
  const changed = change(text);
  if (changed !== text || text.length < 12 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return changed;
  const url = /[-_]/.test(text);
  const decoded = Buffer.from(text, url ? 'base64url' : 'base64').toString('utf8');
  if (!/^[\x20-\x7e]+$/.test(decoded)) return text;
  const inside = bindings.inText(decoded);
  if (inside === decoded) return text;
  const encoded = Buffer.from(inside).toString(url || !text.endsWith('=') ? 'base64url' : 'base64');
  return encoded;
}

function rewriteHeader(name: string, value: string, bindings: Bindings): string {
  switch (name.toLowerCase()) {
    case 'cookie':
      return value
        .split(/; */)
        .map((pair) => {
          const at = pair.indexOf('=');
          if (at < 0) return pair;
          const role = { key: pair.slice(0, at), resources: [] };
          return `${pair.slice(0, at)}=${inCookie(pair.slice(at + 1), (text) => bindings.inValue(text, role))}`;
        })
        .join('; ');
    case 'authorization': {
      const basic = /^Basic +(\S+)$/i.exec(value);
      if (!basic) return bindings.inText(value);
      const decoded = Buffer.from(basic[1]!, 'base64').toString('utf8');
      const changed = bindings.inText(decoded);
      return changed === decoded ? value : `Basic ${Buffer.from(changed).toString('base64')}`;
    }
    case 'host':
      return value;
    default:
      return bindings.inValue(value, { key: name, resources: [] });
  }
}

function inCookie(text: string, change: (decoded: string) => string): string {
  const decoded = percentDecode(text);
  const changed = change(decoded);
  if (changed === decoded) return text;
  return decoded === text ? changed : encodeURIComponent(changed);
}

function rewriteBody(request: Request, bindings: Bindings): Uint8Array {
  if (request.body.length === 0) return request.body;
  const fields = new Map(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
  if ((fields.get('content-encoding') ?? 'identity') !== 'identity') return request.body;
  const type = (fields.get('content-type') ?? '').toLowerCase();
  const bytes = Buffer.from(request.body.buffer, request.body.byteOffset, request.body.byteLength);
  // latin1 carries every byte through unharmed; the values that are replaced are ASCII.
  const text = bytes.toString('latin1');
  const resources = resourcesOf(request.target);
  if (type.startsWith('application/x-www-form-urlencoded'))
    return changedBytes(bytes, text, rewritePairs(text, resources, bindings));
  const inText = bindings.inText(text);
  if (!bindings.hasWeak || !looksLikeJson(inText)) return changedBytes(bytes, text, inText);
  return rewriteJsonValues(changedBytes(bytes, text, inText), resources, bindings);
}

function changedBytes(bytes: Buffer, before: string, after: string): Buffer {
  return before === after ? bytes : Buffer.from(after, 'latin1');
}

/** Whole values in their roles; the text is written anew only where one was replaced. */
function rewriteJsonValues(bytes: Buffer, resources: readonly string[], bindings: Bindings): Uint8Array {
  const tree = parseJson(bytes.toString('utf8'));
  if (tree === undefined) return bytes;
  let changed = false;
  const walk = (value: Tree, key: string): Tree => {
    if (isArray(value)) return value.map((item) => walk(item, key));
    if (isObject(value))
      return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, walk(v, name)]));
    if (typeof value !== 'string' && typeof value !== 'number') return value;
    const text = String(value);
    const mine = bindings.inValue(text, { key, resources });
    if (mine === text) return value;
    changed = true;
    return typeof value === 'number' && Number.isFinite(Number(mine)) ? Number(mine) : mine;
  };
  const rewritten = walk(tree, '');
  return changed ? Buffer.from(JSON.stringify(rewritten)) : bytes;
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
