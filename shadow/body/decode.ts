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

/** Text in the charset its type names (UTF-8 where none), or undefined when the bytes are no text in it. */
export function decodeText(bytes: Uint8Array, charset: string | undefined): string | undefined {
  try {
    return new TextDecoder(charset ?? 'utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined; // An unknown charset or bytes that are none of it.
  }
}
