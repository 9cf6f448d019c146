import { Parser } from 'htmlparser2';
import type { Tree } from './tree.js';

interface OpenElement {
  readonly name: string;
  readonly node: Record<string, Tree>;
  readonly children: Tree[];
}

/** What HTML and XML collapse. Other spaces, the no-break space for one, are characters like any. */
const WHITE_SPACE = /[ \t\n\f\r]+/g;

/**
 * HTML or XML as a tree: an element is an object of its name, its attributes (`@name`) and its children, a list of
 * elements and texts. White space between elements carries nothing and is left out. `written`: texts and attributes are as
 * they are written, with their entities and all of their white space.
 */
export function parseMarkup(text: string, xml: boolean, written = false): Tree {
  const root: OpenElement = { name: '', node: {}, children: [] };
  const open: OpenElement[] = [root];
  let words = '';
  const flush = (): void => {
    const trimmed = words.replace(WHITE_SPACE, ' ').replace(/^ | $/g, '');
    if (trimmed !== '') open.at(-1)!.children.push(written ? words : trimmed);
    words = '';
  };
  const parser = new Parser(
    {
      onopentag: (name, attributes) => {
        flush();
        const node: Record<string, Tree> = { '#': name };
        for (const [key, value] of Object.entries(attributes)) node[`@${key}`] = value;
        const children: Tree[] = [];
        node.children = children;
        open.at(-1)!.children.push(node);
        open.push({ name, node, children });
      },
      ontext: (data) => {
        words += data;
      },
      onclosetag: () => {
        flush();
        const closed = open.pop()!;
        if (closed.children.length === 0) delete closed.node.children;
      },
      oncomment: (data) => {
        flush();
        open.at(-1)!.children.push({ '#': '!--', text: data.trim() });
      },
      onprocessinginstruction: (name, data) => {
        flush();
        open.at(-1)!.children.push({ '#': name, text: data });
      },
    },
    { xmlMode: xml, decodeEntities: !written },
  );
  parser.write(text);
  parser.end();
  flush();
  return root.children;
}

/**
 * The text's form without its values: tags, names and quotes of attributes, white space between tags. Two texts with equal
 * trees and different skeletons differ in form alone.
 */
export function markupSkeleton(text: string): string {
  return text
    .replace(/<!--[^]*?-->/g, '<!---->')
    .replace(/(<[^<>"']*(?:"[^"]*"[^<>"']*|'[^']*'[^<>"']*)*>)|[^<]+/g, (match, tag?: string) =>
      tag === undefined ? textSkeleton(match) : tagSkeleton(tag),
    );
}

/** A text with the white space around it: between words and elements it is seen. */
function textSkeleton(text: string): string {
  const words = text.trim();
  if (words === '') return text;
  const start = text.indexOf(words);
  return `${text.slice(0, start)}w${text.slice(start + words.length)}`;
}

function tagSkeleton(tag: string): string {
  return tag.replace(/"[^"]*"|'[^']*'|=[^\s"'>]+/g, (value) =>
    value.startsWith('=') ? '=w' : value[0]! + value[0]!,
  );
}
