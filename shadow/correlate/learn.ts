import type { Answer } from '../answer.js';
import { isArray, isObject, type Tree } from '../body/tree.js';
import type { Bindings, Role } from './bindings.js';
import type { GenerationSet } from './generation-set.js';
import { parseTimeText } from './time-text.js';
import { differingWords, identifyingWords, strengthOf, type WordPair } from './tokens.js';

/** One exchange, answered by live and by the arms. An arm that gave no answer is undefined. */
export interface Answered {
  readonly live: Answer;
  readonly arms: readonly (Answer | undefined)[];
  /** Index of the arms that run the old release. */
  readonly old: readonly number[];
  /** What the live request's path is about. */
  readonly resources: readonly string[];
  /** Words that stood in live's request: live did not issue them here. */
  readonly requestWords: ReadonlySet<string>;
  /** GET, HEAD, OPTIONS: it shows what is there. */
  readonly safe: boolean;
  readonly nowMs: number;
}

export interface Memory {
  readonly bindings: readonly Bindings[];
  /** Identifying words live's answers held. */
  readonly liveSeen: GenerationSet;
  /** Values live issued that no arm had when they were issued. */
  readonly unbound: GenerationSet;
}

/** Learns from an exchange what each arm calls the values live issued in it. */
export function learn(answered: Answered, memory: Memory): void {
  const live = answerTree(answered.live);
  const arms = answered.arms.map((arm) => arm && answerTree(arm));
  const issued = new Set<string>();
  // First all that is seen, so that a value both sides have (in another place) is never taken for another's name.
  eachLeaf(live, '', (text) => {
    for (const word of identifyingWords(text)) {
      memory.liveSeen.add(word);
      if (!answered.requestWords.has(word)) issued.add(word);
    }
  });
  for (const [i, arm] of arms.entries())
    eachLeaf(arm, '', (text) => {
      for (const word of identifyingWords(text)) memory.bindings[i]!.see(word);
    });
  const spot = { key: '', evenFixed: true };
  const creates = { key: '', evenFixed: !answered.safe };
  const part = (of: (answer: Answer) => Tree): (Tree | undefined)[] =>
    answered.arms.map((arm) => arm && of(arm));
  bindTree(
    spot,
    issuing(answered.live.headers),
    part((a) => a.headers),
    answered,
    memory,
  );
  bindTree(
    spot,
    answered.live.cookies,
    part((a) => a.cookies),
    answered,
    memory,
  );
  bindTree(
    creates,
    answered.live.body.tree,
    part((a) => a.body.tree),
    answered,
    memory,
  );
  for (const word of issued) {
    if (memory.bindings.some((bindings) => bindings.knows(word))) memory.unbound.delete(word);
    else memory.unbound.add(word);
  }
}

/**
 * Notes what live issued in an exchange that the arms do not see. A safe request (GET) shows what is there already:
 * it only issues cookies.
 */
export function noteIssued(
  live: Answer,
  safe: boolean,
  requestWords: ReadonlySet<string>,
  memory: Memory,
): void {
  eachLeaf(safe ? live.cookies : answerTree(live), '', (text) => {
    for (const word of identifyingWords(text))
      if (!requestWords.has(word) && !memory.bindings.some((bindings) => bindings.knows(word)))
        memory.unbound.add(word);
  });
}

/** What of an answer can carry issued values. */
export function answerTree(answer: Answer): Tree {
  return { headers: answer.headers, cookies: answer.cookies, body: answer.body.tree };
}

function eachLeaf(tree: Tree | undefined, key: string, visit: (text: string, key: string) => void): void {
  if (typeof tree === 'string') visit(tree, key);
  else if (typeof tree === 'number') visit(String(tree), key);
  else if (isArray(tree)) for (const item of tree) eachLeaf(item, key, visit);
  else if (isObject(tree)) for (const [name, value] of Object.entries(tree)) eachLeaf(value, name, visit);
}

/** Fields that issue nothing: they tell of the connection and of the body's form. */
const NO_ISSUE =
  /^(date|connection|keep-alive|content-(length|type|encoding)|transfer-encoding|age|x-response-time|server-timing)$/;

function issuing(headers: Readonly<Record<string, string>>): Tree {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NO_ISSUE.test(name)));
}

/** Where in an answer a value stands, and what may be bound there. */
interface Spot {
  readonly key: string;
  /** A value that the old release repeats is bound too: the client sends it back as it got it. */
  readonly evenFixed: boolean;
}

function bindTree(
  spot: Spot,
  live: Tree,
  arms: readonly (Tree | undefined)[],
  answered: Answered,
  memory: Memory,
): void {
  if (isArray(live)) {
    for (const [i, item] of live.entries()) {
      const items = arms.map((arm) => (isArray(arm) ? arm[i] : undefined));
      bindTree(spot, item, items, answered, memory);
    }
  } else if (isObject(live)) {
    const alike = arms.map((arm) => (isObject(arm) && arm['#'] === live['#'] ? arm : undefined));
    for (const [name, value] of Object.entries(live)) {
      const children = alike.map((arm) => arm?.[name]);
      bindTree({ ...spot, key: roleKey(name, live) }, value, children, answered, memory);
    }
  } else if (typeof live === 'string' || typeof live === 'number')
    bindLeaf(spot, String(live), arms.map(leafText), answered, memory);
}

/** A form field's value plays the role that the field's name says. */
function roleKey(name: string, element: { readonly [key: string]: Tree }): string {
  const field = element['@name'];
  return name === '@value' && typeof field === 'string' ? field : name;
}

function leafText(tree: Tree | undefined): string | undefined {
  return typeof tree === 'string' || typeof tree === 'number' ? String(tree) : undefined;
}

function bindLeaf(
  spot: Spot,
  live: string,
  arms: readonly (string | undefined)[],
  answered: Answered,
  memory: Memory,
): void {
  if (arms.every((arm) => arm === live)) return;
  const old = answered.old.map((i) => arms[i]).filter((arm) => arm !== undefined);
  // What the old release repeats and the new one tells otherwise, when it shows what is there, is another thing.
  if (!spot.evenFixed && old.every((arm) => arm === live)) return;
  // Old arms that agree with each other and not with live tell of other data, not of a value made up on the spot.
  const random = old.length > 1 ? new Set(old).size > 1 : old.some((arm) => arm !== live);
  const role: Role = { key: spot.key, resources: answered.resources };
  const isTime = parseTimeText(live, answered.nowMs) !== undefined;
  for (const [i, arm] of arms.entries()) {
    if (arm === undefined || arm === live) continue;
    const bindings = memory.bindings[i]!;
    if (isTime) bindings.bindWhole(live, arm);
    else bindTexts(live, arm, role, random, bindings, memory);
  }
}

function bindTexts(
  live: string,
  arm: string,
  role: Role,
  random: boolean,
  bindings: Bindings,
  memory: Memory,
): void {
  const pairs = differingWords(live, arm);
  for (const pair of pairs) {
    // Live's value stands in the arm's data too, or the other way round: another thing, not another name.
    if (bindings.hasSeen(pair.live) || memory.liveSeen.has(pair.arm)) continue;
    bindings.bind(pair.live, pair.arm, role, random);
  }
  // A value of several words goes back whole: its short pieces would not be found again one by one.
  if (pairs.length > 0 && pairs[0]!.live !== live && !/\s/.test(live + arm) && pairs.some(isStrong))
    bindings.bind(live, arm, role, random);
}

function isStrong(pair: WordPair): boolean {
  return strengthOf(pair.live) === 'strong';
}
