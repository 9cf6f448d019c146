import { describe, expect, it } from 'vitest';
import { parseRequests } from '../../../shadow/try/requests.js';
import { captureFrom, fillIn, pathIn } from '../../../shadow/try/variables.js';

describe('requests file', () => {
  it('reads lines with their defaults, empty ones left out', () => {
    const requests = parseRequests('{"path":"/a"}\n\n{"method":"post","path":"/b","body":{"x":1}}\n', 'f');
    expect(requests).toEqual([
      { method: 'GET', path: '/a', headers: {}, capture: {} },
      { method: 'post', path: '/b', headers: {}, capture: {}, body: { x: 1 } },
    ]);
  });

  it.each([
    ['{"path":"/a"}\n{oops', 'f:2'],
    ['{"method":"GET"}', 'path'],
    ['{"path":"a"}', 'starts with "/"'],
    ['{"path":"/a","heders":{}}', 'f:1'],
  ])('names the line of %j', (text, found) => {
    expect(() => parseRequests(text, 'f')).toThrow(found);
  });
});

describe('captures', () => {
  const answer = {
    status: 200,
    headers: [
      ['Location', '/x/1'],
      ['Set-Cookie', 'sid=s%3Aabc.def; Path=/'],
    ] as const,
    body: Buffer.from('{"a":{"b":[{"id":7}]},"html":"<i name=\\"t\\" value=\\"v1\\">"}'),
  };
  it.each([
    ['$.a.b[0].id', '7'],
    ['$.a.missing', undefined],
    ['header:location', '/x/1'],
    ['cookie:sid', 's%3Aabc.def'],
    ['regex:value=\\\\"([^\\\\]+)', 'v1'],
  ])('%s finds %s', (expression, value) => {
    expect(captureFrom(answer, expression)).toBe(value);
  });
  it.each([
    ['/a', '/a'],
    ['https://app.example.test:8080/p/1?x=2#top', '/p/1?x=2'],
    ['http://app.example.test?x', '/?x'],
    ['p/1', '/p/1'],
  ])('a path begins with what a Location told: %s is %s', (told, path) => {
    expect(pathIn('{{to}}', new Map([['to', told]]))).toBe(path);
    expect(pathIn('/go?to={{to}}', new Map([['to', told]]))).toBe(`/go?to=${told}`);
  });
  it('fills in what is known', () => {
    expect(fillIn('/x/{{a}}/{{b}}', new Map([['a', '1']]))).toBe('/x/1/{{b}}');
  });
});
