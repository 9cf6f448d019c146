import { Parser } from 'htmlparser2';
import { describe, expect, it } from 'vitest';
import { renderPage } from '../../shadow/index.js';
import { reportWith } from './support/report.js';

const EVIL = `"><script>alert(1)</script><img src=x onerror='alert(2)'>\u202e`;

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
    const evil = read(renderPage(reportWith(4, EVIL), { accepting: 'by command' }));
    const plain = read(renderPage(reportWith(4, 'text'), { accepting: 'by command' }));
    expect(evil.tags).toEqual(plain.tags);
    expect(evil.attributes).toEqual(plain.attributes);
    expect([...evil.attributes].filter((name) => /^on|src|href/.test(name))).toEqual([]);
    expect(evil.tags.has('script')).toBe(false);
    expect(evil.text).toContain('<script>alert(1)</script>');
    expect(evil.text).not.toContain('\u202e');
  });

  it('tells verdict, ledger, every place with its counts, and what to type to accept it', () => {
    const { text } = read(renderPage(reportWith(4, 'text'), { accepting: 'by command' }));
    expect(text).toMatch(/3 captured = 3 compared/);
    for (const n of [0, 1, 2, 3]) expect(text).toContain(`a${n}.text`);
    expect(text).toContain("federate shadow accept id0 --reason '…'");
    expect(text).toContain('accepted (text)');
    expect(text).toContain('not as accepted: removed');
    expect(text).not.toContain('federate shadow accept id1');
    expect(text).toMatch(/2 of 3, noise\s+0, 99% sure/);
  });

  it('tells what causes which difference, with its changelog', () => {
    const { text } = read(renderPage(reportWith(4, 'text'), { accepting: 'not' }));
    expect(text.replace(/\s+/g, ' ')).toMatch(
      /What causes it text 1\.0\.0 → 2\.0\.0, below text and text in the env proven GET \/text body:\$\.a0\.text/,
    );
    expect(text).toMatch(/text of text\s+text\s+…/);
    expect(text).toMatch(/Not told of 1: text\s+GET \/text {2}body:\$\.a2/);
  });

  it('says nothing of accepting where there is no federation', () => {
    expect(renderPage(reportWith(1, 'text'), { accepting: 'not' })).not.toContain('shadow accept');
  });

  it('stays bounded, and says what it leaves out', () => {
    const page = renderPage(reportWith(50, 'text'), {
      accepting: 'by command',
      limits: { places: 10, exampleCharacters: 50, rows: 1 },
    });
    const { text } = read(page);
    expect(text).toContain('40 more places');
    expect(text).toContain('Not on this page: the example');
    expect(text).not.toContain('a11.text');
  });
});
