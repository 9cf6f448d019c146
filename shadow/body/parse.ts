import { createHash } from 'node:crypto';
import { decodeContent, decodeText } from './decode.js';
import { multipartBoundary, parseForm, parseMultipart } from './form.js';
import { looksLikeJson, parseJson } from './json.js';
import { parseMarkup } from './markup.js';
import type { Tree } from './tree.js';

export type BodyKind = 'none' | 'json' | 'html' | 'xml' | 'form' | 'multipart' | 'text' | 'bytes';

/** A body as comparison sees it. */
export interface ParsedBody {
  readonly kind: BodyKind;
  readonly tree: Tree;
  /** Set for JSON, HTML and XML: the text itself, for its form. */
  readonly text?: string;
}

const NONE: ParsedBody = { kind: 'none', tree: null };

/** Parses by content type; what cannot be read value by value is its length and hash. */
export function parseBody(
  bytes: Uint8Array,
  contentType: string | undefined,
  contentEncoding: string | undefined,
): ParsedBody {
  if (bytes.length === 0) return NONE;
  const decoded = decodeContent(bytes, contentEncoding);
  if (decoded === undefined) return hashed(bytes);
  const type = (contentType ?? '').split(';')[0]!.trim().toLowerCase();
  if (type.startsWith('multipart/')) {
    const boundary = multipartBoundary(contentType!);
    const parts = boundary === undefined ? undefined : parseMultipart(decoded, boundary);
    if (parts !== undefined) return { kind: 'multipart', tree: parts };
  }
  const text = isBinaryType(type) ? undefined : decodeText(decoded, charsetOf(contentType));
  return text === undefined ? hashed(decoded) : parseText(text, type);
}

/** Parses a text by its type, or by its looks where the type says nothing. */
export function parseText(text: string, type: string): ParsedBody {
  if (/[/+]json$/.test(type) || (!/xml|html|form/.test(type) && looksLikeJson(text))) {
    const tree = parseJson(text);
    if (tree !== undefined) return { kind: 'json', tree, text };
  }
  if (type === 'text/html' || type === 'application/xhtml+xml')
    return { kind: 'html', tree: parseMarkup(text, false), text };
  if (/[/+]xml$/.test(type)) return { kind: 'xml', tree: parseMarkup(text, true), text };
  if (type === 'application/x-www-form-urlencoded') return { kind: 'form', tree: parseForm(text) };
  // Lines: a line more or less shifts nothing but what follows it.
  return { kind: 'text', tree: text.includes('\n') ? text.split('\n') : text };
}

function hashed(bytes: Uint8Array): ParsedBody {
  const hash = createHash('sha256').update(bytes).digest('hex');
  return { kind: 'bytes', tree: { length: bytes.length, sha256: hash } };
}

function isBinaryType(type: string): boolean {
  return /^(image\/(?!svg)|audio\/|video\/|font\/|application\/(octet-stream|zip|gzip|pdf))/.test(type);
}

function charsetOf(contentType: string | undefined): string | undefined {
  return /charset=["']?([\w.:-]+)/i.exec(contentType ?? '')?.[1];
}
