import { alphabetOf, alphabetsOf } from './alphabet.js';
import { areOfOneMake } from './one-make.js';
import { measurementForm } from './measurement.js';
import type { Feature, Four, Observation } from './observation.js';

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

/**
 * The traits in which four noisy texts are not alike: format, length, constant prefix and suffix. `single`: there is one
 * new arm, whose text stands twice and so shows nothing by agreeing with itself.
 */
export function traitsOf(texts: Four<string>, live: string | undefined, single: boolean): readonly Trait[] {
  if (areOfOneMake(texts)) return [];
  const measured = measuredTraits(texts, live);
  if (measured !== undefined) return measured;
  const format = formatTrait(texts, live);
  if (format !== undefined) return [format];
  if (texts.some((text) => /\s/.test(text))) return [];
  const traits: Trait[] = [];
  const lengths = texts.map((text) => text.length);
  if (lengths.some((length) => length !== lengths[0]))
    traits.push({
      feature: 'length',
      labels: lengths.map(String) as unknown as Four<string>,
      live: live === undefined ? undefined : String(live.length),
      frail: Math.max(...lengths) - Math.min(...lengths) <= NATURAL_LENGTH_SPREAD,
    });
  if (texts.some(hasTimePrefix)) return traits;
  const words = texts.map(withoutNumbers) as unknown as Four<string>;
  const liveWords = live && withoutNumbers(live);
  const prefix = fixedPart(words, liveWords, single, (text) => text);
  if (prefix) traits.push({ feature: 'prefix', ...prefix, frail: false });
  const suffix = fixedPart(words, liveWords, single, (text) => [...text].reverse().join(''));
  if (suffix) traits.push({ feature: 'suffix', ...suffix, frail: false });
  return traits;
}

/** Measured amounts have a unit; a larger one may have grown by itself out of a smaller. Undefined: they are none. */
function measuredTraits(texts: Four<string>, live: string | undefined): readonly Trait[] | undefined {
  const forms = texts.map(measurementForm);
  if (forms.some((form) => form === undefined)) return undefined;
  if (forms.every((form) => form === forms[0])) return [];
  const labels = forms as unknown as Four<string>;
  return [
    { feature: 'format', labels, live: live === undefined ? undefined : measurementForm(live), frail: true },
  ];
}

function formatTrait(texts: Four<string>, live: string | undefined): Trait | undefined {
  const known = texts.map(knownFormat);
  const alphabets = alphabetsOf(texts);
  const paddings = paddingsOf(texts);
  const label = (text: string, side: number): string =>
    known[side] ?? `${alphabets[side]!}${structureOf(text)}${paddings[side]!}`;
  const labels = texts.map(label) as unknown as Four<string>;
  if (labels.every((one) => one === labels[0])) return undefined;
  const liveLabel =
    live === undefined
      ? undefined
      : (knownFormat(live) ??
        `${alphabetsOf([live, live, texts[2], texts[3]])[0]}${structureOf(live)}${paddings[0]}`);
  return { feature: 'format', labels, live: liveLabel, frail: false };
}

/** The kind of text, as far as it can be told whatever the random part is. */
export function formatOf(text: string): string {
  return knownFormat(text) ?? `${alphabetOf(text)}${structureOf(text)}`;
}

/** A format with a name; undefined: some word. */
function knownFormat(text: string): string | undefined {
  const uuid = /^([0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})$/i.exec(text);
  if (uuid) return `uuid v${uuid[2]!}${/[A-F]/.test(text) ? ' upper case' : ''}`;
  if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text) || /^[A-Z][a-z]{2}, \d\d /.test(text))
    return `time ${text.replace(/\d+/g, (digits) => '9'.repeat(Math.min(digits.length, 3))).replace(/[A-Z][a-z]{2}/g, 'Aaa')}`;
  return /\s/.test(text) ? 'text' : undefined;
}

/** What no base64 or crypt alphabet contains is structure; beside nothing but hex digits, everything else is. */
function structureOf(text: string): string {
  const isHex = /[a-f]/i.test(text) && /^(?:[0-9a-f]{8,}[^0-9A-Za-z]?)+$/i.test(text);
  const skeleton = text.replace(isHex ? /[0-9a-f]+/gi : /[^:;,|&?#@"'<>(){}[\]%\\]+/g, 'w');
  return skeleton === 'w' || skeleton === '' ? '' : ` ${skeleton}`;
}

/** Base64 with its padding, or such as cannot have had any. It is told only where that is plain of every text. */
function paddingsOf(texts: Four<string>): Four<string> {
  const paddings = texts.map((text) => {
    if (!/^[\w+/-]{8,}={0,2}$/.test(text)) return undefined;
    if (text.endsWith('=')) return text.length % 4 === 0 ? ' padded' : undefined;
    return text.length % 4 > 1 ? '' : undefined;
  });
  return (paddings.includes(undefined) ? texts.map(() => '') : paddings) as unknown as Four<string>;
}

/** Ids that begin with the time of day agree in their beginnings by the moment, not by their making. */
function hasTimePrefix(text: string): boolean {
  return /^(?:[0-9a-f]{24}|[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{8}-[0-9a-f-]{27}|\d+)$/i.test(text);
}

/** Amounts of one size begin alike, and amounts of one release are often of one size: their digits fix nothing. */
function withoutNumbers(text: string): string {
  return text.replace(/(?<![A-Za-z0-9])\d+(?:\.\d+)?(?=[a-zµ%]{0,2}(?![A-Za-z0-9]))/g, '0');
}

/**
 * The part after what all four begin with in which both pairs agree within: undefined when chance could have done it.
 */
function fixedPart(
  texts: Four<string>,
  live: string | undefined,
  single: boolean,
  read: (text: string) => string,
): { labels: Four<string>; live: string | undefined } | undefined {
  const [oldA, oldB, newA, newB] = texts.map(read) as unknown as Four<string>;
  const old = commonLength(oldA, oldB);
  const fresh = commonLength(newA, newB);
  const all = Math.min(commonLength(oldA, newA), old, fresh);
  const length = Math.min(old, fresh);
  if (length <= all) return undefined;
  const agreed = old - all + (single ? 0 : fresh - all);
  if (agreed * bitsPerCharacter(texts) < PREFIX_BITS) return undefined;
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
export function describeShape(values: readonly string[], explained: Observation['explained']): string {
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
