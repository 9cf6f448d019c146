import { TIME_FORMS } from '../correlate/time-text.js';
import { strengthOf } from '../correlate/tokens.js';

/** A form that tells a text longer than this word by word would hold one answer's data, not a shape. */
const LONGEST_FORM = 200;

const WORD = new RegExp(`⟨id \\d+⟩|${TIME_FORMS}|[A-Za-z0-9_-]+`, 'g');

/**
 * What an accepted change of a value goes by, from the value's JSON text (undefined: absent): its words, with what is
 * other data in the next upgrade struck out (ids, opaque tokens, times, numbers): `"max-age=⟨number⟩"`. What has no
 * words is told by its type, an object with its keys.
 */
export function formOf(json: string | undefined): string {
  if (json === undefined) return 'absent';
  const value = parsed(json);
  if (typeof value === 'string') return formOfText(value);
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  if (value === null || typeof value !== 'object') return String(value);
  if (Array.isArray(value)) {
    const items = [...new Set(value.map((item) => classOf(formOf(JSON.stringify(item)))))].sort();
    return bounded(`array of ${items.join(', ') || 'nothing'}`, 'array');
  }
  return bounded(`object with ${Object.keys(value).sort().join(', ') || 'nothing'}`, 'object');
}

/** A coarser form, for places that hold other words each time: `word`, `text`; what is told by type stays. */
export function classOf(form: string): string {
  if (!form.startsWith('"')) return form;
  return /\s/.test(form) ? 'text' : 'word';
}

function formOfText(text: string): string {
  const form = JSON.stringify(text.replace(WORD, struckOut));
  return bounded(form, classOf(form));
}

function struckOut(word: string): string {
  if (word.startsWith('⟨')) return '⟨id⟩';
  if (/^\d+$/.test(word)) return '⟨number⟩';
  if (/^\d{4}-\d\d-\d\d|\d\d:\d\d/.test(word)) return '⟨time⟩';
  if (/\d/.test(word) || strengthOf(word) === 'strong') return '⟨token⟩';
  return word;
}

function bounded(form: string, coarse: string): string {
  return form.length > LONGEST_FORM ? coarse : form;
}

/** A value that was cut for the report is a text. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}
