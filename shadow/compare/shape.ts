import type { Feature, Four } from './observation.js';

/** A trait of four noisy texts that is not the same in all. */
export interface Trait {
  readonly feature: Feature;
  readonly labels: Four<string>;
  readonly live: string | undefined;
  readonly frail: boolean;
}

/** Chance 2^-16 that random texts agree so within both pairs and differ between: rarer than noisy places are many. */
const PREFIX_BITS = 16;

/** A length that varies by itself (a base-36 fraction, a DER signature) varies by one or two. */
const NATURAL_LENGTH_SPREAD = 2;

/** From this length on, a random text uses so much of its alphabet that its class can be told. */
const CLASS_LENGTH = 12;

/** The traits in which four noisy texts are not alike: format, length, constant prefix and suffix. */
export function traitsOf(texts: Four<string>, live: string | undefined): readonly Trait[] {
  const traits: Trait[] = [];
  const add = (feature: Feature, of: (text: string) => string, frail = false): void => {
    const labels = texts.map(of) as unknown as Four<string>;
    if (labels.some((label) => label !== labels[0]))
      traits.push({ feature, labels, live: live === undefined ? undefined : of(live), frail });
  };
  add('format', formatOf);
  if (traits.length > 0 || texts.some((text) => /\s/.test(text))) return traits;
  const lengths = texts.map((text) => text.length);
  const spread = Math.max(...lengths) - Math.min(...lengths);
  add('length', (text) => String(text.length), spread <= NATURAL_LENGTH_SPREAD);
  if (texts.every((text) => !hasTimePrefix(text))) {
    const prefix = fixedPart(texts, live, (text) => text);
    if (prefix) traits.push({ feature: 'prefix', ...prefix, frail: false });
    const suffix = fixedPart(texts, live, (text) => [...text].reverse().join(''));
    if (suffix) traits.push({ feature: 'suffix', ...suffix, frail: false });
  }
  return traits;
}

/** The kind of text, as far as it can be told whatever the random part is. */
export function formatOf(text: string): string {
  const uuid = /^([0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})$/i.exec(text);
  if (uuid) return `uuid v${uuid[2]!}${/[A-F]/.test(text) ? ' upper case' : ''}`;
  if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text) || /^[A-Z][a-z]{2}, \d\d /.test(text))
    return `time ${text.replace(/\d+/g, (digits) => '9'.repeat(Math.min(digits.length, 3))).replace(/[A-Z][a-z]{2}/g, 'Aaa')}`;
  if (/\s/.test(text)) return 'text';
  // What no base64 or crypt alphabet contains is structure.
  const skeleton = text.replace(/[^:;,|&?#@"'<>(){}[\]%\\]+/g, 'w');
  const shown = skeleton === 'w' || skeleton === '' ? '' : ` ${skeleton}`;
  return `${alphabetOf(text)}${shown}`;
}

function alphabetOf(text: string): string {
  const letters = text.replace(/[^A-Za-z0-9]/g, '');
  if (letters.length < CLASS_LENGTH) return 'word';
  if (/^\d+$/.test(letters)) return 'digits';
  if (/^[0-9a-f]+$/.test(letters)) return 'hex';
  if (/^[0-9A-F]+$/.test(letters)) return 'hex upper case';
  if (/^[0-9a-z]+$/.test(letters)) return 'lower case';
  if (/^[0-9A-Z]+$/.test(letters)) return 'upper case';
  return 'mixed case';
}

/** Ids that begin with the time of day agree in their beginnings by the moment, not by their making. */
function hasTimePrefix(text: string): boolean {
  return /^(?:[0-9a-f]{24}|[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{8}-[0-9a-f-]{27}|\d+)$/i.test(text);
}

/**
 * The part after what all four begin with in which both pairs agree within: undefined when chance could have done it.
 */
function fixedPart(
  texts: Four<string>,
  live: string | undefined,
  read: (text: string) => string,
): { labels: Four<string>; live: string | undefined } | undefined {
  const [oldA, oldB, newA, newB] = texts.map(read) as unknown as Four<string>;
  const old = commonLength(oldA, oldB);
  const fresh = commonLength(newA, newB);
  const all = Math.min(commonLength(oldA, newA), old, fresh);
  const length = Math.min(old, fresh);
  if (length <= all) return undefined;
  const bits = (old - all + (fresh - all)) * bitsPerCharacter(texts);
  if (bits < PREFIX_BITS) return undefined;
  const label = (text: string): string => read(read(text).slice(0, length));
  return {
    labels: texts.map(label) as unknown as Four<string>,
    live: live === undefined ? undefined : label(live),
  };
}

function commonLength(a: string, b: string): number {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i += 1;
  return i;
}

/** From the characters these texts are seen to use. */
function bitsPerCharacter(texts: readonly string[]): number {
  return Math.log2(Math.max(2, new Set(texts.join('')).size));
}

/** A noisy place's shape in words, from the values it took. */
export function describeShape(values: readonly string[], explained: 'id' | 'time' | undefined): string {
  if (explained === 'time') return 'timestamp';
  const numbers = values.map(Number);
  if (values.length > 0 && values.every((v) => v !== '' && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(v))) {
    const range = `${Math.min(...numbers)}..${Math.max(...numbers)}`;
    return numbers.every(Number.isInteger) ? `integer ${range}` : `number ${range}`;
  }
  const formats = new Set(values.map(formatOf));
  const lengths = new Set(values.map((value) => value.length));
  const format = formats.size === 1 ? [...formats][0]! : 'text';
  if (format.startsWith('uuid')) return format;
  if (format.startsWith('time')) return 'timestamp';
  const length =
    lengths.size === 1 ? `${[...lengths][0]!}` : `${Math.min(...lengths)}..${Math.max(...lengths)}`;
  return `${explained === 'id' ? 'id, ' : ''}${format} (${length} characters)`;
}
