import deepDiff from 'deep-diff';

/** Differences inside one value that are told; the rest are counted. */
const TOLD = 3;

/**
 * What differs inside two JSON values that are objects or lists, a line each: `$.a[0].b  1 → 2`. Empty for values that
 * are told whole, or of which one is absent. The difference itself is deep-diff's.
 */
export function valueDiff(old: string | undefined, fresh: string | undefined): readonly string[] {
  const [left, right] = [container(old), container(fresh)];
  if (left === undefined || right === undefined || Array.isArray(left) !== Array.isArray(right)) return [];
  const edits = deepDiff.diff(left, right) ?? [];
  const lines = edits.slice(0, TOLD).map((edit) => `${pathOf(edit)}  ${shown(edit)}`);
  return edits.length > TOLD ? [...lines, `and ${edits.length - TOLD} more`] : lines;
}

type Edit = deepDiff.Diff<unknown>;

function container(text: string | undefined): object | undefined {
  if (text === undefined || !/^[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined; // A text that only looks like JSON, or one that was cut: told as it is.
  }
}

function pathOf(edit: Edit): string {
  const steps = [...((edit.path ?? []) as (string | number)[]), ...(edit.kind === 'A' ? [edit.index] : [])];
  return steps.reduce<string>(
    (path, step) => path + (typeof step === 'number' ? `[${step}]` : `.${step}`),
    '$',
  );
}

function shown(edit: Edit): string {
  const change = edit.kind === 'A' ? edit.item : edit;
  const old = 'lhs' in change ? JSON.stringify(change.lhs) : '(absent)';
  const fresh = 'rhs' in change ? JSON.stringify(change.rhs) : '(absent)';
  return `${old} → ${fresh}`;
}
