import type { Difference, ShadowReport } from '../../../common/index.js';

function difference(n: number, text: string): Difference {
  return {
    ...{
      id: `id${n}`,
      endpoint: `GET /${text}`,
      where: `body:$.a${n}.${text}`,
      kind: 'changed',
      risk: 'medium',
    },
    ...{ detail: text, count: 2, of: 3, noise: 0, confidence: 0.99, accepted: n % 2 === 1 },
    ...(n % 2 === 1 ? { acceptedBecause: text } : {}),
    changes: [
      { kind: 'changed', old: text, new: text, count: 1, accepted: true },
      { kind: 'removed', old: text, new: text, count: 1, accepted: n % 2 === 1 },
    ],
    examples: [
      {
        exchange: 'x',
        request: { index: n, method: text, target: `/${text}` },
        old: `"a b ${text}"`,
        new: `"a c ${text}"`,
      },
    ],
  };
}

/** A report of so many differing places, with `text` wherever an app or an operator may have written something. */
export function reportWith(places: number, text: string): ShadowReport {
  return {
    ...{ version: 1, upgrade: text, old: { release: text }, new: { release: text }, verdict: 'differs' },
    ...{
      because: text,
      otherwise: { verdict: 'identical', because: text },
      packages: [{ name: text, old: '1', new: null }],
      requests: 3,
      differing: [],
      accepted: [],
    },
    differences: Array.from({ length: places }, (_, n) => difference(n, text)),
    noise: [{ endpoint: text, where: `body:${text}`, count: 1, of: 3, shape: text }],
    unbound: 0,
    ledger: {
      captured: 3,
      compared: 3,
      pending: 0,
      unbound: 0,
      truncated: 0,
      unanswered: 0,
      dropped: { [text]: 1 },
    },
    coverage: {
      endpoints: [{ endpoint: text, captured: 3, compared: 3, differing: 2 }],
      ...{ neverHit: [text], bodiesNotCompared: [text], caveats: [text] },
    },
    attribution: {
      causes: [
        {
          differences: ['id0'],
          changes: [
            {
              ...{ kind: 'package', name: text, from: '1.0.0', to: '2.0.0', direct: false, through: [text] },
              changelog: { file: text, text, cut: true },
            },
            { kind: 'env', name: text, from: null, to: null, direct: true, through: [] },
          ],
          confidence: 'proven',
          trials: 2,
        },
      ],
      unattributed: [{ difference: 'id2', because: text }],
      trials: 3,
      unresolved: [{ changes: [text], because: text }],
      requests: 3,
      tookMs: 1000,
    },
    guard: { enforcement: 'namespace', answered: 1, stubbed: 0, refused: 0, escaped: 0, calls: [] },
    timings: { startedAt: 0, cloneMs: 1, replayedMs: 2, lagMs: 0, armMedianMs: { 'old-a': 1 } },
  };
}
