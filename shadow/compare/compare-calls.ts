import type { OutboundCall } from '../../common/index.js';
import { joinHeaders, percentDecode } from '../answer.js';
import type { EffectDelta } from '../arms-contract.js';
import { parseBody } from '../body/parse.js';
import { canonical, isObject, type Tree } from '../body/tree.js';
import { compareTree, observeOrder } from './compare-tree.js';
import type { Comparison } from './comparison.js';
import { formText } from './effect-delta.js';
import { generalName, traceOf, type Attribute } from './effect-trace.js';
import { itemNames, sortedBy } from './item-order.js';
import { matchKeys } from './match-keys.js';
import { innerPlace, type Four, type Place } from './observation.js';
import type { Symbols } from './symbols.js';
import { watched } from './values-seen.js';

/** Fields of an outbound call that speak of the connection or of tracing, never of what is asked. */
const NEVER_COMPARED =
  /^(date|connection|keep-alive|content-length|transfer-encoding|host|traceparent|tracestate|dharma-.*)$/;

/** The calls of one name, each arm's in the order they were made; undefined: none. */
type Calls = Four<readonly Tree[] | undefined>;

interface Context {
  readonly symbols: Symbols;
  readonly attribute: Attribute;
  /** A call's body as it was written, where it is JSON. */
  readonly written: Map<Tree, string>;
}

/** Compares what the arms called out to. Calls are told apart by destination, method and path. */
export function compareCalls(deltas: Four<EffectDelta>, symbols: Symbols, attribute: Attribute): void {
  const byExchange = new Map<string | undefined, OutboundCall[][]>();
  for (const [side, delta] of deltas.entries())
    for (const call of delta.calls) {
      const sides = byExchange.get(call.exchangeId) ?? deltas.map(() => []);
      sides[side]!.push(call);
      byExchange.set(call.exchangeId, sides);
    }
  for (const [exchangeId, calls] of byExchange) {
    const context: Context = {
      symbols,
      attribute: (trace) =>
        attribute({ ...trace, exchangeIds: exchangeId === undefined ? [] : [exchangeId] }),
      written: new Map(),
    };
    const trees = calls.map((list, side) => callsByName(list, side, context));
    for (const [name, keys] of matchKeys(trees, symbols)) {
      const lists = keys.map((key, side) => (key === undefined ? undefined : trees[side]![key]));
      compareOfName(name, lists as unknown as Calls, context);
    }
  }
}

function compareOfName(name: string, calls: Calls, context: Context): void {
  const { symbols, attribute, written } = context;
  const aligned = isSameCount(calls) ? inOneOrder(name, calls, context) : calls;
  const most = Math.max(...aligned.map((list) => list?.length ?? 0));
  for (let i = 0; i < most; i += 1) {
    const made = aligned.map((list) => list?.[i]) as unknown as Four<Tree | undefined>;
    const where = i === 0 ? name : `${name} (${i + 1})`;
    const place = { where, general: generalName(where), inner: '' };
    const comparison = attribute(traceOf(where, place, made, symbols));
    if (comparison !== undefined) compareCall(place, made, written, comparison);
  }
}

function isSameCount(calls: Calls): calls is Four<readonly Tree[]> {
  const [first] = calls;
  return first !== undefined && calls.every((list) => list?.length === first.length);
}

/** Calls that are made side by side come in any order: it is a thing of its own, and each call stands beside itself. */
function inOneOrder(name: string, calls: Four<readonly Tree[]>, { symbols, attribute }: Context): Calls {
  if (calls[0].length < 2) return calls;
  const arms = calls.map((list, side) =>
    list.map((call) => symbols.apply(side, canonical(call))),
  ) as unknown as Four<readonly string[]>;
  const fields = calls.map((list) => list.map(fieldsOf)) as unknown as Four<readonly Tree[]>;
  const names = itemNames({ arms, live: undefined }, fields, undefined, symbols);
  if (names?.mixed !== true) return calls;
  const place = { where: name, general: generalName(name), inner: '' };
  const comparison = attribute(traceOf(name, place, calls, symbols));
  if (comparison !== undefined) observeOrder(place, names.arms, undefined, calls, comparison);
  return calls.map((list, side) => sortedBy(list, names.arms[side]!, arms[side]!)) as unknown as Calls;
}

/** What a call may go by: its parts, and those of its body. */
function fieldsOf(call: Tree): Tree {
  if (!isObject(call)) return call;
  const { body, ...rest } = call;
  return isObject(body) ? { ...rest, ...body } : call;
}

/** A call that some arm did not make is one difference; otherwise each of its parts is a place. */
function compareCall(
  place: Place,
  calls: Four<Tree | undefined>,
  written: ReadonlyMap<Tree, string>,
  comparison: Comparison,
): void {
  if (calls.some((call) => call === undefined)) {
    compareTree(place, calls, undefined, comparison);
    return;
  }
  const part = (name: string): Four<Tree> =>
    calls.map((call) => (call as Record<string, Tree>)[name]!) as unknown as Four<Tree>;
  const at = (name: string): Place => ({
    where: `${place.where} ${name}`,
    general: `${place.general} ${name}`,
    inner: '',
  });
  compareTree(at('query'), part('query'), undefined, comparison);
  compareTree(at('headers'), part('headers'), undefined, comparison);
  const { seen, watching } = watched(comparison);
  compareTree(at('body:$'), part('body'), undefined, watching);
  if (!seen.structural) compareWritten(innerPlace(at('body'), ' form'), calls, written, comparison);
}

/** The form of bodies that mean the same but for their values: keys in their order, white space. */
function compareWritten(
  place: Place,
  calls: Four<Tree | undefined>,
  written: ReadonlyMap<Tree, string>,
  comparison: Comparison,
): void {
  const texts = calls.map((call) => written.get(call!));
  if (texts.some((text) => text === undefined) || texts.every((text) => text === texts[0])) return;
  const forms = texts.map((text, side) => formText(comparison.symbols.apply(side, text!)));
  compareTree(place, forms as unknown as Four<Tree>, undefined, comparison);
}

/** `egress:<destination> <method> <path>` → the calls. */
function callsByName(
  calls: readonly OutboundCall[],
  side: number,
  { symbols, written }: Context,
): Record<string, readonly Tree[]> {
  const tree: Record<string, Tree[]> = {};
  for (const call of calls) {
    const [path = '', query = ''] = splitOnce(call.target, '?');
    const name = `egress:${call.destination} ${call.method} ${symbols.apply(side, percentDecode(path))}`;
    const headers = joinHeaders(call.requestHeaders);
    const kept = Object.entries(headers).filter(([key]) => !NEVER_COMPARED.test(key));
    const body = parseBody(call.requestBody, headers['content-type'], headers['content-encoding']);
    const made = { query, headers: Object.fromEntries(kept), body: body.tree };
    if (body.kind === 'json') written.set(made, body.text!);
    (tree[name] ??= []).push(made);
  }
  return tree;
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
