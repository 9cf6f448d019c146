import type { HeaderField } from '../common/index.js';
import { parseBody, type ParsedBody } from './body/parse.js';
import type { Tree, TreeObject } from './body/tree.js';

/** An HTTP answer as it came. Bodies have the transfer coding undone and the content coding kept. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
}

/** An answer as correlation and comparison see it. */
export interface Answer {
  readonly status: number;
  /** Lower-case name → value; several fields of one name joined as HTTP allows. Without Set-Cookie. */
  readonly headers: Readonly<Record<string, string>>;
  /** Name → value and attributes. */
  readonly cookies: TreeObject;
  /** The Set-Cookie fields as they came. */
  readonly cookieFields: readonly string[];
  readonly body: ParsedBody;
  /** The body's bytes as they came, whatever was done to it before it was parsed. */
  readonly bytes: Uint8Array;
}

/** `beside`: another answer to the same request, which may say nearly the same. */
export function parseAnswer(raw: RawAnswer, beside?: Answer): Answer {
  const headers = joinHeaders(raw.headers);
  const cookieFields = raw.headers.flatMap(([name, value]) => (isSetCookie(name) ? [value] : []));
  return {
    status: raw.status,
    headers,
    cookies: parseSetCookies(cookieFields),
    cookieFields,
    body: parseBody(raw.body, headers['content-type'], headers['content-encoding'], beside?.body),
    bytes: raw.body,
  };
}

/** Lower-case names, fields of one name joined by `, `; Set-Cookie left out, which must not be joined. */
export function joinHeaders(fields: readonly HeaderField[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) {
    if (isSetCookie(name)) continue;
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
  }
  return headers;
}

const SET_COOKIE = 'set-cookie';

function isSetCookie(name: string): boolean {
  return name.length === SET_COOKIE.length && name.toLowerCase() === SET_COOKIE;
}

/** `sid=s%3Aabc; Path=/; HttpOnly` → {sid: {value: 's:abc', path: '/', httponly: true}}. */
function parseSetCookies(fields: readonly string[]): TreeObject {
  const cookies: Record<string, Tree> = {};
  for (const field of fields) {
    const [pair = '', ...attributes] = field.split(';');
    const cookie: Record<string, Tree> = { value: percentDecode(afterEquals(pair)) };
    for (const attribute of attributes)
      cookie[beforeEquals(attribute).toLowerCase()] = attribute.includes('=') ? afterEquals(attribute) : true;
    cookies[beforeEquals(pair)] = cookie;
  }
  return cookies;
}

function beforeEquals(text: string): string {
  const at = text.indexOf('=');
  return (at < 0 ? text : text.slice(0, at)).trim();
}

function afterEquals(text: string): string {
  const at = text.indexOf('=');
  return at < 0 ? '' : text.slice(at + 1).trim();
}

/** The text decoded, or as it is where it is no percent-encoding. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
