import { looksLikeJson, parseJson } from '../body/json.js';
import type { Tree } from '../body/tree.js';

/** A value inside a text: what it is and its tree. */
export interface Unfolded {
  readonly as: 'json' | 'jwt' | 'base64';
  readonly tree: Tree;
}

/** Reads a text that carries a structure: JSON, a JWT, base64 of something readable. Undefined: just text. */
export function unfold(text: string): Unfolded | undefined {
  if (text.length < 2) return undefined;
  if (looksLikeJson(text)) {
    const tree = parseJson(text);
    return tree === undefined ? undefined : { as: 'json', tree };
  }
  return unfoldJwt(text) ?? unfoldBase64(text);
}

function unfoldJwt(text: string): Unfolded | undefined {
  const match = /^(?:Bearer )?(eyJ[\w-]+)\.(eyJ[\w-]*)\.([\w-]*)$/.exec(text);
  if (!match) return undefined;
  const header = parseJson(Buffer.from(match[1]!, 'base64url').toString('utf8'));
  const payload = parseJson(Buffer.from(match[2]!, 'base64url').toString('utf8'));
  if (header === undefined || payload === undefined) return undefined;
  return { as: 'jwt', tree: { header, payload, signature: match[3]! } };
}

/** Only what decodes to printable text: random bytes do not, beyond a few characters. */
function unfoldBase64(text: string): Unfolded | undefined {
  if (text.length < 16 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined;
  const decoded = Buffer.from(text, /[-_]/.test(text) ? 'base64url' : 'base64').toString('utf8');
  if (!/^[\x20-\x7e]{10,}$/.test(decoded)) return undefined;
  return { as: 'base64', tree: (looksLikeJson(decoded) ? parseJson(decoded) : undefined) ?? decoded };
}
