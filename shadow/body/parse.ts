import { createHash } from 'node:crypto';
import { decodeContent, decodeText } from './decode.js';
import { multipartBoundary, parseForm, parseMultipart } from './form.js';
import { JsonBody } from './json-body.js';
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

/**
 * Parses by content type; what cannot be read value by value is its length and hash. `beside`: a body of the same type that
 * may say nearly the same, whose tree it then has in common.
 */
export function parseBody(
  bytes: Uint8Array,
  contentType: string | undefined,
  contentEncoding: string | undefined,
  beside?: ParsedBody,
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
  const charset = charsetOf(contentType) ?? UTF8;
  const isUtf8 = charset.toLowerCase() === UTF8;
  if (isUtf8 && isJsonType(type) && beside instanceof JsonBody) {
    const near = beside.near(decoded);
    if (near !== undefined) return near;
  }
  const text = isBinaryType(type) ? undefined : decodeText(decoded, charset);
  if (text === undefined) return hashed(decoded);
  const body = parseText(text, type);
  return isUtf8 && body.kind === 'json' ? new JsonBody(body.tree, decoded, text) : body;
}

const UTF8 = 'utf-8';

function isJsonType(type: string): boolean {
  return /[/+]json$/.test(type);
}

/** Parses a text by its type, or by its looks where the type says nothing. */
export function parseText(text: string, type: string): ParsedBody {
  // A byte order mark is a part of the form, and of no value but a plain text's.
  const marked = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (isJsonType(type) || (!/xml|html|form/.test(type) && looksLikeJson(marked))) {
    const tree = parseJson(marked);
    if (tree !== undefined) return { kind: 'json', tree, text };
  }
  if (type === 'text/html' || type === 'application/xhtml+xml')
    return { kind: 'html', tree: parseMarkup(marked, false), text };
  if (/[/+]xml$/.test(type)) return { kind: 'xml', tree: parseMarkup(marked, true), text };
  if (type === 'application/x-www-form-urlencoded') return { kind: 'form', tree: parseForm(marked) };
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
