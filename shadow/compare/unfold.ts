import { gunzipSync, inflateSync } from 'node:zlib';
import { decodeText, MAX_DECODED_BYTES } from '../body/decode.js';
import { looksLikeJson, parseJson } from '../body/json.js';
import type { Tree } from '../body/tree.js';

/** A value inside a text: what it is and its tree. */
export interface Unfolded {
  readonly as: 'json' | 'jwt' | 'base64' | 'gzip' | 'zlib';
  readonly tree: Tree;
  /** The texts of JSON that stand in it. */
  readonly texts: readonly string[];
  /** How the bytes were packed, as the header of their format tells; empty where nothing was. */
  readonly packing: string;
}

/** Reads a text that carries a structure: JSON, a JWT, base64 of something readable or packed. Undefined: just text. */
export function unfold(text: string): Unfolded | undefined {
  if (text.length < 2) return undefined;
  if (looksLikeJson(text)) {
    const tree = parseJson(text);
    return tree === undefined ? undefined : { as: 'json', tree, texts: [text], packing: '' };
  }
  return unfoldJwt(text) ?? unfoldPacked(text) ?? unfoldBase64(text);
}

function unfoldJwt(text: string): Unfolded | undefined {
  const match = /^(?:Bearer )?(eyJ[\w-]+)\.(eyJ[\w-]*)\.([\w-]*)$/.exec(text);
  if (!match) return undefined;
  const texts = [match[1]!, match[2]!].map((part) => Buffer.from(part, 'base64url').toString('utf8'));
  const [header, payload] = texts.map(parseJson);
  if (header === undefined || payload === undefined) return undefined;
  return { as: 'jwt', tree: { header, payload, signature: match[3]! }, texts, packing: '' };
}

const PRINTABLE = /^[\x20-\x7e]+$/;

/** Only what decodes to printable text: random bytes do not, beyond a few characters. */
function unfoldBase64(text: string): Unfolded | undefined {
  if (!isBase64(text)) return undefined;
  // Nearly all are random: their first characters tell it.
  if (!PRINTABLE.test(Buffer.from(text.slice(0, 8), 'base64').toString('latin1'))) return undefined;
  const decoded = bytesOf(text).toString('utf8');
  if (!/^[\x20-\x7e]{10,}$/.test(decoded)) return undefined;
  return { as: 'base64', ...readableOf(decoded), packing: '' };
}

/**
 * Base64 of gzip or zlib: what was packed says more than its bytes, which begin alike by how often each character stands
 * in it. Their checksums tell them from random bytes.
 */
function unfoldPacked(text: string): Unfolded | undefined {
  const as = text.startsWith('H4sI') ? 'gzip' : /^eA|^eJ|^eN/.test(text) ? 'zlib' : undefined;
  if (as === undefined || !isBase64(text)) return undefined;
  const bytes = bytesOf(text);
  const unpack = as === 'gzip' ? gunzipSync : inflateSync;
  let unpacked: string | undefined;
  try {
    unpacked = decodeText(unpack(bytes, { maxOutputLength: MAX_DECODED_BYTES }));
  } catch {
    return undefined; // It only begins like that, or is a bomb.
  }
  return unpacked === undefined ? undefined : { as, ...readableOf(unpacked), packing: packingOf(as, bytes) };
}

/** All of the header but the time in a gzip's (RFC 1952, 2.3: flags, time of 4 bytes, extra flags, system). */
function packingOf(as: 'gzip' | 'zlib', bytes: Buffer): string {
  return as === 'zlib' ? bytes.toString('hex', 0, 2) : `${bytes[3]!} ${bytes[8]!} ${bytes[9]!}`;
}

function isBase64(text: string): boolean {
  return text.length >= 16 && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, /[-_]/.test(text) ? 'base64url' : 'base64');
}

function readableOf(text: string): Pick<Unfolded, 'tree' | 'texts'> {
  const tree = looksLikeJson(text) ? parseJson(text) : undefined;
  return { tree: tree ?? text, texts: tree === undefined ? [] : [text] };
}
