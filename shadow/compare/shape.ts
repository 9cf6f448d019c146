import { DIGIT, kindOf } from '../correlate/characters.js';
import { alphabetOf, alphabetsOf } from './alphabet.js';
import { areOfOneMake, coresOf } from './one-make.js';
import { measurementForm } from './measurement.js';
import type { Feature, Four, Observation } from './observation.js';
import { sharedDraw } from './shared-draw.js';

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
  const drawn = single ? undefined : sharedDraw(texts, live);
  if (drawn !== undefined) return [{ feature: 'form', ...drawn, frail: false }];
  if (areOfOneMake(coresOf(texts))) return [];
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
  if (suffix && !endAsBytesDo(texts)) traits.push({ feature: 'suffix', ...suffix, frail: false });
  return traits;
}

/** The form that four written times are not alike in. */
export function timeTraitsOf(texts: Four<string>, live: string | undefined): readonly Trait[] {
  if (areAlikeButDigits(texts)) return [];
  const format = formatTrait(texts, live);
  return format === undefined ? [] : [format];
}

function areAlikeButDigits([first, ...rest]: Four<string>): boolean {
  for (const text of rest) {
    if (text.length !== first.length) return false;
    for (let i = 0; i < first.length; i += 1) {
      const [is, other] = [first.charCodeAt(i), text.charCodeAt(i)];
      if (is !== other && (kindOf(is) !== DIGIT || kindOf(other) !== DIGIT)) return false;
    }
  }
  return true;
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

/** Base64 of bytes that all end alike: their end is written in one of three ways, by how many bytes there are. */
function endAsBytesDo(texts: Four<string>): boolean {
  if (!texts.every((text) => /^[\w+/-]{8,}={0,2}$/.test(text))) return false;
  const [first, ...rest] = texts.map((text) => Buffer.from(text, 'base64').reverse().toString('latin1'));
  return Math.min(...rest.map((bytes) => commonLength(first!, bytes))) * 8 >= PREFIX_BITS;
}

/** ObjectId, ULID, UUID, KSUID, cuid, xid, numbers. */
const TIME_FIRST = [
  /^[0-9a-f]{24}$/i,
  /^[0-9A-HJKMNP-TV-Z]{26}$/i,
  /^[0-9a-f]{8}-[0-9a-f-]{27}$/i,
  /^[0-9A-Za-z]{27}$/,
  /^c[0-9a-z]{24}$/,
  /^[0-9a-v]{20}$/,
  /^\d+$/,
];

/** Ids that begin with the time of day agree in their beginnings by the moment, not by their making. */
function hasTimePrefix(text: string): boolean {
  return TIME_FIRST.some((format) => format.test(text));
}

/** Amounts of one size begin alike, and amounts of one release are often of one size: their digits fix nothing. */
function withoutNumbers(text: string): string {
  return text.replace(/(?<![A-Za-z0-9])\d+(?:\.\d+)?(?=[a-zµ%]{0,2}(?![A-Za-z0-9]))/g, '0');
}

/**
 * The part after what all four begin with in which both pairs agree within: undefined when chance could have done it.
 * Where it is an old and a new one, or three, that agree so, the beginnings are dealt (a draw of few values, bytes that are
 * packed): that is told too, so that the place is seen to be noisy in this.
 */
function fixedPart(
  texts: Four<string>,
  live: string | undefined,
  single: boolean,
  read: (text: string) => string,
): { labels: Four<string>; live: string | undefined } | undefined {
  const beginnings = texts.map(read) as unknown as Four<string>;
  const [oldA, oldB, newA, newB] = beginnings;
  const both = commonLength(oldA, oldB);
  // What live has not was alike in the old arms by chance.
  const old = live === undefined ? both : Math.min(both, commonLength(oldA, read(live)));
  const fresh = commonLength(newA, newB);
  const all = Math.min(commonLength(oldA, newA), old, fresh);
  const length = Math.min(old, fresh);
  const agreed = old - all + (single ? 0 : fresh - all);
  const bits = bitsPerCharacter(texts);
  const isFixed = length > all && agreed * bits >= PREFIX_BITS;
  const alike = isFixed ? length : single ? undefined : dealtLength(beginnings, bits);
  if (alike === undefined) return undefined;
  const label = (text: string): string => read(read(text).slice(0, alike));
  return {
    labels: texts.map(label) as unknown as Four<string>,
    live: live === undefined ? undefined : label(live),
  };
}

/** How texts may be dealt otherwise than by release: two and two, or three and one. */
const OTHER_DEALS: readonly (readonly (readonly number[])[])[] = [
  [
    [0, 2],
    [1, 3],
  ],
  [
    [0, 3],
    [1, 2],
  ],
  ...[0, 1, 2, 3].map((alone) => [[0, 1, 2, 3].filter((side) => side !== alone)]),
];

/** How far texts begin alike that are not of one release, further than all of them and than chance has it. */
function dealtLength(beginnings: Four<string>, bits: number): number | undefined {
  const all = commonOf(beginnings);
  for (const deal of OTHER_DEALS) {
    const lengths = deal.map((sides) => commonOf(sides.map((side) => beginnings[side]!)));
    const agreed = deal.reduce((sum, sides, i) => sum + (sides.length - 1) * (lengths[i]! - all), 0);
    const length = Math.min(...lengths);
    if (length > all && agreed * bits >= PREFIX_BITS) return length;
  }
  return undefined;
}

function commonOf([first, ...rest]: readonly string[]): number {
  return Math.min(...rest.map((text) => commonLength(first!, text)));
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
