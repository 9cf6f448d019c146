import { Parser } from 'htmlparser2';
import { describe, expect, it } from 'vitest';
import type { Difference, ShadowReport } from '../../common/index.js';
import { renderPage } from '../../shadow/index.js';

const EVIL = `"><script>alert(1)</script><img src=x onerror='alert(2)'>\u202e`;

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

function report(places: number, text: string): ShadowReport {
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
    guard: { enforcement: 'namespace', answered: 1, refused: 0, escaped: 0, calls: [] },
    timings: { startedAt: 0, cloneMs: 1, replayedMs: 2, lagMs: 0, armMedianMs: { 'old-a': 1 } },
  };
}

/** What a browser would make of it: elements, attributes, and the text. */
function read(page: string): { tags: Set<string>; attributes: Set<string>; text: string } {
  const [tags, attributes] = [new Set<string>(), new Set<string>()];
  let text = '';
  const parser = new Parser({
    onopentag: (name, given) => {
      tags.add(name);
      for (const attribute of Object.keys(given)) attributes.add(attribute);
    },
    ontext: (data) => (text += data),
  });
  parser.end(page);
  return { tags, attributes, text };
}

describe('the report as a page', () => {
  it('shows whatever an app answered as text, and fetches nothing', () => {
    const evil = read(renderPage(report(4, EVIL), { acceptable: true }));
    const plain = read(renderPage(report(4, 'text'), { acceptable: true }));
    expect(evil.tags).toEqual(plain.tags);
    expect(evil.attributes).toEqual(plain.attributes);
    expect([...evil.attributes].filter((name) => /^on|src|href/.test(name))).toEqual([]);
    expect(evil.tags.has('script')).toBe(false);
    expect(evil.text).toContain('<script>alert(1)</script>');
    expect(evil.text).not.toContain('\u202e');
  });

  it('tells verdict, ledger, every place with its counts, and what to type to accept it', () => {
    const { text } = read(renderPage(report(4, 'text'), { acceptable: true }));
    expect(text).toMatch(/3 captured = 3 compared/);
    for (const n of [0, 1, 2, 3]) expect(text).toContain(`a${n}.text`);
    expect(text).toContain("federate shadow accept id0 --reason '…'");
    expect(text).toContain('accepted (text)');
    expect(text).toContain('not as accepted: removed');
    expect(text).not.toContain('federate shadow accept id1');
    expect(text).toMatch(/2 of 3, noise\s+0, 99% sure/);
  });

  it('says nothing of accepting where there is no federation', () => {
    expect(renderPage(report(1, 'text'), { acceptable: false })).not.toContain('shadow accept');
  });

  it('stays bounded, and says what it leaves out', () => {
    const page = renderPage(report(50, 'text'), {
      acceptable: true,
      limits: { places: 10, exampleCharacters: 50, rows: 1 },
    });
    const { text } = read(page);
    expect(text).toContain('40 more places');
    expect(text).toContain('Not on this page: the example');
    expect(text).not.toContain('a11.text');
  });
});
