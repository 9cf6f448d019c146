import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';

import { startWitness, verdictOf, type Seen } from './differential.js';
import { requests } from './differential-requests.js';
import { cleanUp, settled, startProxy, subscribe } from './proxy-harness.js';

const stops: (() => void)[] = [];
afterEach(async () => {
  await cleanUp();
  for (const stop of stops.splice(0)) stop();
});

/** DHARMA_ALL_REQUESTS=1 is a run of minutes; DHARMA_SEED=n another one. */
const COUNT = process.env['DHARMA_ALL_REQUESTS'] === undefined ? 1500 : 60_000;
const SEED = Number(process.env['DHARMA_SEED'] ?? 1);
const PARALLEL = 48;
const END = 'GET /end HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n';
/** What Node refuses and the proxy takes, by Node's reason, and why it may. */
const argued: readonly [RegExp, string][] = [
  [/^HPE_INVALID_METHOD/, 'methods are any token (RFC 9110 9.1); a node that does not know one says so'],
  [/^HPE_INVALID_VERSION/, 'HTTP/1.2 is read and passed on as 1.1, as RFC 9110 2.5 asks'],
  [
    /^HPE_INVALID_TRANSFER_ENCODING/,
    'a tab after "chunked" is white space (RFC 9110 5.5); the coding is written anew',
  ],
  [
    /^HPE_INVALID_CONTENT_LENGTH/,
    'a tab after the digits is white space as well; the length is written anew',
  ],
];
interface Difference {
  readonly bytes: Buffer;
  readonly text: string;
  readonly why: string;
  readonly node: readonly Seen[];
  readonly ours: readonly Seen[];
}

interface Comparison {
  /** Both took it, and understood different requests. */
  readonly unlike: readonly Difference[];
  /** The proxy took more than Node, and nothing argues for it. */
  readonly unargued: readonly Difference[];
  readonly alike: number;
}

/** `waitMs`: for a body that never comes; who waits for it has understood that it should. */
async function compare(cases: readonly Buffer[], waitMs: number): Promise<Comparison> {
  const direct = await startWitness(waitMs);
  const behind = await startWitness(60_000);
  stops.push(direct.stop, behind.stop);
  const proxy = await startProxy([{ name: 'witness', address: '127.0.0.1', port: behind.port }], {
    limits: { headerTimeout: waitMs, bodyTimeout: waitMs, idleTimeout: waitMs },
  });
  const peer = await subscribe(proxy, {});
  const unlike: Difference[] = [];
  const unargued: Difference[] = [];
  let alike = 0;
  const one = async (bytes: Buffer): Promise<void> => {
    const whole = Buffer.concat([bytes, Buffer.from(END)]);
    const [{ from, refused }, { seen: ours }] = await Promise.all([
      verdictOf(direct.port, whole),
      verdictOf(proxy.at, whole),
    ]);
    // What it had understood before an error counts, though its answer was never sent.
    const node = direct.seen.get(from) ?? [];
    const why = direct.errors.get(from) ?? `refused with ${refused}`;
    // Ports come round again.
    direct.seen.delete(from);
    direct.errors.delete(from);
    if (argued.some(([reason]) => reason.test(why))) return;
    const difference = { bytes, text: bytes.toString('latin1'), why, node, ours };
    const n = Math.min(node.length, ours.length);
    if (JSON.stringify(node.slice(0, n)) !== JSON.stringify(ours.slice(0, n))) unlike.push(difference);
    else if (ours.length > node.length) unargued.push(difference);
    alike += n;
  };
  const left = [...cases];
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (let bytes = left.pop(); bytes !== undefined; bytes = left.pop()) await one(bytes);
    }),
  );
  // The node behind refused nothing that was passed on but methods it does not know; a request that was cut is not whole.
  const reasons = [...behind.errors.values()].filter((r) => !/INVALID_METHOD|INVALID_EOF_STATE/.test(r));
  expect(reasons).toEqual([]);
  expect((await settled(peer)).waitSumNs).toBe(0n);
  return { unlike, unargued, alike };
}

it('frames what it accepts as Node does', { timeout: 600_000 }, async () => {
  const first = await compare(fc.sample(requests, { numRuns: COUNT, seed: SEED }), 300);
  expect(first.alike).toBeGreaterThan(COUNT / 3);
  // On a busy machine a server may have given up what was on its way: what differs is asked again, with time.
  const again = [...first.unlike, ...first.unargued].map(({ bytes }) => bytes);
  const second = await compare(again, 5000);
  expect([...second.unlike, ...second.unargued].map(({ bytes: _, ...told }) => told)).toEqual([]);
});
