import type { OutboundCall } from '../../common/index.js';
import type { RawAnswer } from '../answer.js';
import type { EffectDelta, EffectEntry, EffectValue } from '../arms-contract.js';

/** What stands for an app's folder in answers and effects (stack traces, mostly). */
const ROOT = '/app';

/** The answer with the folders its app runs in named alike for all arms. */
export function withoutRoots(answer: RawAnswer, roots: readonly string[]): RawAnswer {
  const headers = answer.headers.map(([name, value]): [string, string] => [name, textWithout(value, roots)]);
  return { ...answer, headers, body: bytesWithout(answer.body, roots) };
}

/** The same of what the app did to its stores and files, and what it called out for. */
export function effectsWithoutRoots(delta: EffectDelta, roots: readonly string[]): EffectDelta {
  if (roots.length === 0) return delta;
  return {
    ...delta,
    entries: delta.entries.map((entry) => entryWithout(entry, roots)),
    calls: delta.calls.map((call) => callWithout(call, roots)),
  };
}

function entryWithout(entry: EffectEntry, roots: readonly string[]): EffectEntry {
  return {
    ...entry,
    key: entry.key.map((part) => textWithout(part, roots)),
    before: entry.before === undefined ? undefined : valueWithout(entry.before, roots),
    after: entry.after === undefined ? undefined : valueWithout(entry.after, roots),
  };
}

function callWithout(call: OutboundCall, roots: readonly string[]): OutboundCall {
  return {
    ...call,
    target: textWithout(call.target, roots),
    requestHeaders: call.requestHeaders.map(([name, value]) => [name, textWithout(value, roots)]),
    requestBody: bytesWithout(call.requestBody, roots),
  };
}

function valueWithout(value: EffectValue, roots: readonly string[]): EffectValue {
  if (typeof value === 'string') return textWithout(value, roots);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: EffectValue) => valueWithout(item, roots));
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [textWithout(key, roots), valueWithout(child, roots)]),
  );
}

function textWithout(text: string, roots: readonly string[]): string {
  let out = text;
  for (const root of roots)
    for (const written of [root, encodeURIComponent(root)])
      if (out.includes(written)) out = out.replaceAll(written, ROOT);
  return out;
}

/** The same array where there is nothing to be done. */
function bytesWithout(bytes: Uint8Array, roots: readonly string[]): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const present = roots.filter((root) => buffer.includes(root));
  if (present.length === 0) return bytes;
  let text = buffer.toString('latin1');
  for (const root of present) text = text.replaceAll(Buffer.from(root).toString('latin1'), ROOT);
  return Buffer.from(text, 'latin1');
}
