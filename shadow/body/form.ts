import type { Tree } from './tree.js';

/** `a=1&b=2&a=3` → {a: ['1','3'], b: '2'}. Order among different names carries nothing. */
export function parseForm(text: string): Tree {
  const form: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of new URLSearchParams(text)) (form[name] ??= []).push(value);
  return Object.fromEntries(
    Object.entries(form).map(([name, values]) => [name, values.length === 1 ? values[0]! : values]),
  );
}

/** The boundary that a multipart content type names. */
export function multipartBoundary(contentType: string): string | undefined {
  const match = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

/** The parts of a multipart body, each its headers and its text (latin1: bytes are kept as they are). */
export function parseMultipart(bytes: Uint8Array, boundary: string): Tree | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const pieces = text.split(`--${boundary}`);
  if (pieces.length < 2) return undefined;
  return pieces.slice(1, -1).map((piece) => {
    const end = piece.indexOf('\r\n\r\n');
    const head = end < 0 ? piece : piece.slice(0, end);
    const headers: Record<string, Tree> = {};
    for (const line of head.split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    return { headers, body: end < 0 ? '' : piece.slice(end + 4).replace(/\r\n$/, '') };
  });
}
