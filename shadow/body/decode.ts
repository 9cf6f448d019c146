import { isAscii } from 'node:buffer';
import { TextDecoder } from 'node:util';
import * as zlib from 'node:zlib';

/** Bytes a decoded body may have: what inflates further is a bomb, or not worth comparing value by value. */
export const MAX_DECODED_BYTES = 64 * 1024 * 1024;

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;

// Node 20 has no zstd; 22.15 and later have.
const zstd = (zlib as { zstdDecompressSync?: Inflate }).zstdDecompressSync;

const DECODERS: Readonly<Record<string, Inflate | undefined>> = {
  gzip: zlib.gunzipSync,
  'x-gzip': zlib.gunzipSync,
  deflate: inflateEither,
  br: zlib.brotliDecompressSync,
  zstd,
};

/** `deflate` means zlib by the RFC and raw deflate by custom. */
function inflateEither(bytes: Uint8Array, options: { maxOutputLength: number }): Buffer {
  try {
    return zlib.inflateSync(bytes, options);
  } catch {
    return zlib.inflateRawSync(bytes, options);
  }
}

/** The body with its content codings undone, or undefined when one is unknown or the bytes are broken. */
export function decodeContent(
  bytes: Uint8Array,
  contentEncoding: string | undefined,
): Uint8Array | undefined {
  const codings = (contentEncoding ?? '')
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  let body = bytes;
  for (const coding of codings.reverse()) {
    const decode = DECODERS[coding];
    if (decode === undefined) return undefined;
    if (body.length === 0) return body;
    try {
      body = decode(body, { maxOutputLength: MAX_DECODED_BYTES });
    } catch {
      return undefined; // Broken or too large: compared by hash.
    }
  }
  return body;
}

/** By charset: making one takes longer than decoding a page. */
const TEXT_DECODERS = new Map<string, TextDecoder>();

/** Text in the charset its type names (UTF-8 where none), or undefined when the bytes are no text in it. */
export function decodeText(bytes: Uint8Array, charset = 'utf-8'): string | undefined {
  const name = charset.toLowerCase();
  if (name === 'utf-8' && isAscii(bytes)) return latin1(bytes);
  try {
    return decoderOf(name)?.decode(bytes);
  } catch {
    return undefined; // Bytes that are none of it.
  }
}

/** Undefined: an unknown charset. */
function decoderOf(charset: string): TextDecoder | undefined {
  const known = TEXT_DECODERS.get(charset);
  if (known !== undefined) return known;
  try {
    const decoder = new TextDecoder(charset, { fatal: true, ignoreBOM: true });
    // Labels of real charsets are few; what is unknown is not kept, so that no app fills the map.
    TEXT_DECODERS.set(charset, decoder);
    return decoder;
  } catch {
    return undefined;
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
