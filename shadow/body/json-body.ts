import { decodeText } from './decode.js';
import { JsonOutline } from './json-outline.js';
import type { ParsedBody } from './parse.js';
import type { Tree } from './tree.js';

/** A body of JSON in UTF-8. Its text is made when it is asked for. */
export class JsonBody implements ParsedBody {
  readonly kind = 'json';
  readonly tree: Tree;
  readonly #bytes: Uint8Array;
  #text: string | undefined;
  /** One for all bodies that were read beside each other; undefined: none was. */
  #outline: JsonOutline | undefined;
  /** All that differs from the outline's text is written plainly. */
  readonly #isPlain: boolean;

  /** `bytes`: without content coding; `tree`: what they say; `text`: they, decoded. */
  constructor(
    tree: Tree,
    bytes: Uint8Array,
    text?: string,
    beside?: { outline: JsonOutline; plain: boolean },
  ) {
    this.tree = tree;
    this.#bytes = bytes;
    this.#text = text;
    this.#outline = beside?.outline;
    this.#isPlain = beside?.plain ?? true;
  }

  get text(): string {
    return (this.#text ??= decodeText(this.#bytes) ?? '');
  }

  /** A body that says the same as this one but for some values, and has what is the same in common with it; else undefined. */
  near(bytes: Uint8Array): JsonBody | undefined {
    const outline = (this.#outline ??= new JsonOutline(this.#bytes, this.tree));
    const read = outline.read(bytes);
    return read && new JsonBody(read.tree, bytes, undefined, { outline, plain: read.plain });
  }

  /** Whether both surely are written alike, but for their values. */
  hasFormOf(other: JsonBody): boolean {
    const isOneOutline = this.#outline !== undefined && this.#outline === other.#outline;
    if (isOneOutline && this.#isPlain && other.#isPlain) return true;
    return new JsonOutline(this.#bytes, this.tree).read(other.#bytes)?.plain === true;
  }
}

/** Whether bodies surely are JSON written alike, but for its values: told without making their skeletons. */
export function haveOneForm([first, ...rest]: readonly ParsedBody[]): boolean {
  return first instanceof JsonBody && rest.every((body) => body instanceof JsonBody && first.hasFormOf(body));
}
