import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, eventually, exchange, get, lastGet, runProxy, temporaryFolder } from './proxy-harness.js';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bodyOf, fieldOf, statusOf } from './raw-answer.js';
import { counting, setUp } from './cache-setup.js';

afterEach(cleanUp);

describe('freshness', () => {
  it('answers from the store while an answer is fresh', async () => {
    const { proxy, seen } = await setUp(counting({ 'Cache-Control': 'max-age=60', ETag: '"a"', Age: '5' }));
    const first = await exchange(proxy.at, lastGet('/a'));
    const second = await exchange(proxy.at, lastGet('/a'));
    expect(bodyOf(first)).toBe('answer 1');
    expect(bodyOf(second)).toBe('answer 1');
    expect(Number(fieldOf(second, 'age'))).toBeGreaterThanOrEqual(5);
    expect(fieldOf(second, 'content-length')).toBe('8');
    expect(fieldOf(first, 'cache-status')).toBe('dharma; fwd=miss');
    expect(fieldOf(second, 'cache-status')).toMatch(/^dharma; hit; ttl=5\d$/);
    expect(bodyOf(await exchange(proxy.at, lastGet('/b')))).toBe('answer 2');
    expect(seen).toHaveLength(2);
  });

  it('answers HEAD, conditions and pipelined requests from the store', async () => {
    const { proxy, seen } = await setUp(counting({ 'Cache-Control': 'max-age=60', ETag: '"a"' }));
    await exchange(proxy.at, lastGet('/a'));
    const head = await exchange(proxy.at, 'HEAD /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 200 .*content-length: 8\r\n/is);
    expect(bodyOf(head)).toBe('');
    const same = await exchange(proxy.at, lastGet('/a', 'If-None-Match: W/"a"\r\n'));
    expect(statusOf(same)).toBe(304);
    expect(fieldOf(same, 'etag')).toBe('"a"');
    expect(bodyOf(same)).toBe('');
    const piped = await exchange(proxy.at, get('/a') + get('/a', 'If-None-Match: "b"\r\n') + lastGet('/a'));
    expect(piped.match(/answer 1/g)).toHaveLength(3);
    expect(seen).toHaveLength(1);
  });

  it('asks the origin whether a stale answer still holds, and takes over what has changed', async () => {
    const { proxy, seen } = await setUp((request, response, count) => {
      response.setHeader('Cache-Control', 'max-age=0');
      response.setHeader('ETag', count < 3 ? '"a"' : '"b"');
      response.setHeader('X-Count', String(count));
      if (request.headers['if-none-match'] === '"a"' && count < 3) response.writeHead(304).end();
      else response.end(`answer ${count}`);
    });
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await exchange(proxy.at, lastGet('/a')));
    expect(answers.map(bodyOf)).toEqual(['answer 1', 'answer 1', 'answer 3']);
    expect(answers.map(statusOf)).toEqual([200, 200, 200]);
    expect(answers.map((a) => fieldOf(a, 'x-count'))).toEqual(['1', '2', '3']);
    expect(seen.map((r) => r.headers['if-none-match'])).toEqual([undefined, '"a"', '"a"']);
  });

  it('lets a client ask for what is newer, or only for what is stored', async () => {
    const { proxy } = await setUp(counting({ 'Cache-Control': 'max-age=60' }));
    expect(statusOf(await exchange(proxy.at, lastGet('/a', 'Cache-Control: only-if-cached\r\n')))).toBe(504);
    await exchange(proxy.at, lastGet('/a'));
    expect(bodyOf(await exchange(proxy.at, lastGet('/a', 'Cache-Control: no-cache\r\n')))).toBe('answer 2');
    const stored = await exchange(proxy.at, lastGet('/a', 'Cache-Control: only-if-cached\r\n'));
    expect(bodyOf(stored)).toBe('answer 2');
  });
});

describe('what is not stored', () => {
  it.each([
    ['private', { 'Cache-Control': 'private, max-age=60' }],
    ['no-store', { 'Cache-Control': 'no-store, max-age=60' }],
    ['a cookie', { 'Cache-Control': 'max-age=60', 'Set-Cookie': 'a=b' }],
    ['varying by everything', { 'Cache-Control': 'max-age=60', Vary: '*' }],
    ['neither fresh nor to be validated', {}],
  ])('%s', async (_, fields) => {
    const { proxy } = await setUp(counting(fields));
    expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toContain('answer 1');
    expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toContain('answer 2');
  });

  it('what was asked with credentials, unless the origin says that it is for all', async () => {
    const { proxy } = await setUp(
      (request, response, count) => {
        response.setHeader('Cache-Control', request.url === '/all' ? 'public, max-age=60' : 'max-age=60');
        response.end(`answer ${count} for ${request.headers.authorization}`);
      },
      { requestFields: ['Authorization'] },
    );
    const as = (path: string, who: string): Promise<string> =>
      exchange(proxy.at, lastGet(path, `Authorization: ${who}\r\n`)).then(bodyOf);
    expect(await as('/own', 'ann')).toContain('answer 1 for ann');
    expect(await as('/own', 'bob')).toContain('answer 2 for bob');
    expect(await as('/all', 'ann')).toContain('answer 3 for ann');
    expect(await as('/all', 'bob')).toContain('answer 3 for ann');
  });

  it('what a purge or a change by an unsafe method has overtaken', async () => {
    const { proxy } = await setUp((request, response, count) => {
      response.setHeader('Cache-Control', 'max-age=60');
      if (request.url === '/fails') response.statusCode = 500;
      if (request.method === 'POST') response.setHeader('Content-Location', '/b');
      response.end(`answer ${count}`);
    });
    const post = (path: string): Promise<string> =>
      exchange(
        proxy.at,
        `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx`,
      );
    await exchange(proxy.at, lastGet('/a'));
    await exchange(proxy.at, lastGet('/b'));
    await post('/fails');
    expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toBe('answer 1');
    await post('/a');
    expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toBe('answer 5');
    expect(bodyOf(await exchange(proxy.at, lastGet('/b')))).toBe('answer 6');
  });
});

describe('stale answers', () => {
  it('are given out while a newer one is fetched, where the origin allows it', async () => {
    const { proxy, seen } = await setUp((_, response, count) => {
      response.setHeader('Cache-Control', 'max-age=60, stale-while-revalidate=60');
      response.setHeader('Age', count === 1 ? '90' : '0');
      response.end(`answer ${count}`);
    });
    await exchange(proxy.at, lastGet('/a'));
    expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toBe('answer 1');
    await eventually(() => (seen.length === 2 ? true : undefined));
    const fresh = await eventually(async () => {
      const answer = bodyOf(await exchange(proxy.at, lastGet('/a')));
      return answer === 'answer 1' ? undefined : answer;
    });
    expect(fresh).toBe('answer 2');
    expect(seen).toHaveLength(2);
  });

  it('stand in for errors where that is allowed, and for an origin that is not there', async () => {
    const { node, proxy } = await setUp(
      (request, response, count) => {
        response.setHeader('Age', '90');
        if (request.url === '/strict') response.setHeader('Cache-Control', 'max-age=60, must-revalidate');
        else
          response.setHeader(
            'Cache-Control',
            request.url === '/kind' ? 'max-age=60, stale-if-error=60' : 'max-age=60',
          );
        response.setHeader('ETag', '"a"');
        if (count > 3) response.statusCode = 503;
        response.end(`answer ${count}`);
      },
      {},
      { balance: { eject: false } },
    );
    const ask = async (path: string): Promise<string> => {
      const answer = await exchange(proxy.at, lastGet(path));
      return `${statusOf(answer)} ${bodyOf(answer)}`;
    };
    for (const path of ['/kind', '/plain', '/strict']) await ask(path);
    expect(await ask('/kind')).toBe('200 answer 1');
    expect(await ask('/plain')).toContain('503 answer 5');
    expect(await ask('/strict')).toContain('503 answer 6');
    await node.close();
    expect(await ask('/kind')).toBe('200 answer 1');
    expect(await ask('/plain')).toBe('200 answer 2');
    expect(await ask('/strict')).toMatch(/^502 /);
  });
});

describe('config', () => {
  it.each([
    ['cache.memoryBytes', { memoryBytes: 1 }],
    ['cache.objectBytes', { memoryBytes: 100_000, objectBytes: 50_001 }],
    ['cache.originHost', { originHost: 'a b' }],
    ['cache.originPath', { originPath: '/x/' }],
    ['cache.requestFields[1]', { requestFields: ['X-Good', 'X-Forwarded-For'] }],
    ['cache.diskPath', { diskPath: 'x' }],
    ['cache.diskBytes', { diskBytes: 1 << 20 }],
    ['cache.diskObjectBytes', { diskObjectBytes: 5 }],
    ['cache.diskObjectBytes', { diskPath: '/d', diskBytes: 2_000_000, diskObjectBytes: 1_000_001 }],
    ['cache.size', { size: 1 }],
  ])('refuses a bad %s by its path', async (path, cache) => {
    const file = join(await temporaryFolder(), 'proxy.json');
    await writeFile(file, JSON.stringify({ listen: [{ address: '127.0.0.1', port: 0 }], cache }));
    const ended = await runProxy(['--config', file, '--check']);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`${path}: `);
  });
});
