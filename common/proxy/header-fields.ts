import type { HeaderField } from '../domain/exchange.js';

/**
 * The header fields of a raw HTTP/1.1 head (start line to blank line), in order, names as received. Bytes are read as
 * latin1, as HTTP means them: every byte survives. The proxy that captured the head has already refused what is no head.
 */
export function parseHeaderFields(head: Uint8Array): HeaderField[] {
  const lines = Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1').split(/\r?\n/);
  const fields: HeaderField[] = [];
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.push([line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]);
  }
  return fields;
}
