import { jsonSkeleton, looksLikeJson, parseJson } from '../body/json.js';
import { canonical, isArray, isObject, sameTree, type Tree, type TreeObject } from '../body/tree.js';
import type { EffectEntry, EffectValue } from '../arms-contract.js';

/** Stands for what is not there any more. */
export const REMOVED = '(removed)';

/**
 * What an exchange did to one document, key or file: only what it changed, so that an earlier difference in the rest
 * is not told again. Undefined: it came out as it was.
 */
export function deltaOf(entry: EffectEntry): Tree | undefined {
  return entry.store === 'file' ? fileDelta(entry) : plainDelta(entry.before, entry.after);
}

function plainDelta(from: EffectValue | undefined, to: EffectValue | undefined): Tree | undefined {
  const before = from === undefined ? undefined : readable(from);
  const after = to === undefined ? undefined : readable(to);
  if (after === undefined) return before === undefined ? undefined : REMOVED;
  return before === undefined ? after : changed(before, after);
}

/**
 * How the texts of JSON are written that an exchange wrote: keys in their order, white space. Undefined: there are none. A
 * list is told by the texts that came to its ends.
 */
export function formOf({ store, before, after }: EffectEntry): Tree | undefined {
  if (after === undefined) return undefined;
  if (store !== 'file') return writtenForm(before, after);
  const text = textOf(after);
  return text === undefined || text === textOf(before) ? undefined : writtenForm(undefined, text);
}

/** The form of a text of JSON, as a text that is none. */
export function formText(json: string): string {
  return `form ${jsonSkeleton(json)}`;
}

function writtenForm(before: EffectValue | undefined, after: EffectValue): Tree | undefined {
  if (typeof after === 'string') {
    const isOne = after !== before && looksLikeJson(after) && parseJson(after) !== undefined;
    return isOne ? formText(after) : undefined;
  }
  if (isArray(after)) {
    const came = isArray(before) ? changedList(before, after) : after;
    return childForms((isObject(came) ? Object.values(came)[0] : came) as EffectValue, undefined);
  }
  return isObject(after) ? childForms(after, before) : undefined;
}

function childForms(after: EffectValue, before: EffectValue | undefined): Tree | undefined {
  const was = isObject(before) ? before : {};
  const forms = Object.entries(after as TreeObject).flatMap(([key, child]): [string, Tree][] => {
    const form = writtenForm(was[key], child);
    return form === undefined ? [] : [[key, form]];
  });
  return forms.length === 0 ? undefined : Object.fromEntries(forms);
}

/** Of a text: its size and hash follow from it, and what stood in it before is told already. */
function fileDelta({ before, after }: EffectEntry): Tree | undefined {
  const was = textOf(before);
  const is = textOf(after);
  if (is === undefined) return plainDelta(before, after);
  const mode = changed({ mode: modeOf(before) }, { mode: modeOf(after) });
  const text = was === is ? undefined : textDelta(was, is);
  return mode === undefined && text === undefined ? undefined : { ...(mode as TreeObject), ...text };
}

function textDelta(was: string | undefined, is: string): TreeObject {
  if (was === undefined) return { text: readable(is) };
  if (was !== '' && is.startsWith(was)) return { appended: is.slice(was.length) };
  return changed({ text: readable(was) }, { text: readable(is) }, true) as TreeObject;
}

function modeOf(value: EffectValue | undefined): string {
  return isObject(value) && typeof value.mode === 'string' ? value.mode : '';
}

function textOf(value: EffectValue | undefined): string | undefined {
  return isObject(value) && typeof value.text === 'string' ? value.text : undefined;
}

/** Stored values with what is inside strings opened, and sets by member, so that each member is a place of its own. */
function readable(value: EffectValue): Tree {
  if (typeof value === 'string' && looksLikeJson(value)) {
    const tree = parseJson(value);
    return tree === undefined ? value : { json: tree };
  }
  if (isArray(value)) return value.map((item) => readable(item));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, child]): [string, Tree] =>
    key === 'set' && isArray(child) && Object.keys(value).length === 1
      ? [
          'set',
          Object.fromEntries(
            child.map((member) => [typeof member === 'string' ? member : canonical(member), true]),
          ),
        ]
      : [key, readable(child)],
  );
  return Object.fromEntries(entries);
}

/** `within`: a text of JSON is told by what changed in it, too. */
function changed(before: Tree, after: Tree, within = false): Tree | undefined {
  if (sameTree(before, after)) return undefined;
  if (isObject(before) && isObject(after) && (within || !(isOpened(before) && isOpened(after)))) {
    const parts: Record<string, Tree> = {};
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const [was, is] = [before[key], after[key]];
      const part = is === undefined ? REMOVED : was === undefined ? is : changed(was, is, within);
      if (part !== undefined) parts[key] = part;
    }
    return parts;
  }
  return isArray(before) && isArray(after) ? changedList(before, after) : after;
}

/** A store is given a text of JSON as a whole, whatever of it is new. */
function isOpened(tree: TreeObject): boolean {
  return tree.json !== undefined && Object.keys(tree).length === 1;
}

/** What was put at a list's ends; the whole list where that does not tell it. */
function changedList(before: readonly Tree[], after: readonly Tree[]): Tree {
  const more = after.length - before.length;
  if (more <= 0) return after;
  if (before.every((item, i) => sameTree(item, after[i]))) return { appended: after.slice(before.length) };
  if (before.every((item, i) => sameTree(item, after[i + more]))) return { prepended: after.slice(0, more) };
  return after;
}
