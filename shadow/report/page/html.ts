/** Markup that may stand in the page as it is. Only `html` and `verbatim` make it. */
export class Html {
  constructor(readonly markup: string) {}
}

/** What a template takes: texts and numbers are escaped, `undefined` and `false` are nothing. */
export type Part = Html | string | number | undefined | false | readonly Part[];

/** Markup around values. Whatever is not `Html` is escaped; values may stand in text and in quoted attributes. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((markup, piece, i) => markup + render(parts[i - 1]) + piece));
}

/** Text of ours, never of an app's, that is not to be escaped: a style sheet, a script. */
export function verbatim(text: string): Html {
  return new Html(text);
}

function render(part: Part): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Html) return part.markup;
  if (typeof part === 'object') return part.map(render).join('');
  return escape(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Text as markup. What could not be seen, or would turn the text around it, is told by its code point. */
export function escape(text: string): string {
  return text.replace(INVISIBLE, codePoint).replace(/[&<>"'`]/g, (character) => ENTITIES[character]!);
}

/** Controls (but tab and line feed), format characters (but the joiner of emoji), lone surrogates, spaces but the space. */
const INVISIBLE = /(?![\t\n \u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Zs}]/gu;

function codePoint(character: string): string {
  return `[U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`;
}

/** At most `most` characters of a text, and how many are left out. */
export function clipped(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most)}… (${count(text.length - most)} characters more)`;
}

/** `1356` → `1,356`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 place`, `1,356 places`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
