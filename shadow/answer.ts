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
  readonly body: ParsedBody;
  /** The body's bytes as they came, whatever was done to it before it was parsed. */
  readonly bytes: Uint8Array;
}

export function parseAnswer(raw: RawAnswer): Answer {
  const headers = joinHeaders(raw.headers);
  return {
    status: raw.status,
    headers,
    cookies: parseSetCookies(raw.headers),
    body: parseBody(raw.body, headers['content-type'], headers['content-encoding']),
    bytes: raw.body,
  };
}

/** Lower-case names, fields of one name joined by `, `; Set-Cookie left out, which must not be joined. */
export function joinHeaders(fields: readonly HeaderField[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    if (key === 'set-cookie') continue;
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
  }
  return headers;
}

/** `sid=s%3Aabc; Path=/; HttpOnly` → {sid: {value: 's:abc', path: '/', httponly: true}}. */
export function parseSetCookies(fields: readonly HeaderField[]): TreeObject {
  const cookies: Record<string, Tree> = {};
  for (const [name, field] of fields) {
    if (name.toLowerCase() !== 'set-cookie') continue;
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
