import { isUtf8 } from 'node:buffer';
import type { EffectValue } from '../arms-contract.js';

/** Bytes as comparison sees them: text where they are UTF-8, else base64 in a marked object. */
export function valueOfBytes(bytes: Buffer): EffectValue {
  return isUtf8(bytes) ? bytes.toString('utf8') : { $binary: bytes.toString('base64') };
}

/** Bytes as a name (of a key, a field, a member): text, or its bytes with `\xNN` for what is not ASCII. Never lossy. */
export function nameOfBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (isUtf8(bytes) && !/\\x[0-9a-f]{2}/.test(text)) return text;
  return bytes
    .toString('latin1')
    .replace(/\\x|[^\x20-\x7e]/g, (c) =>
      c === '\\x' ? '\\x5cx' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
}
