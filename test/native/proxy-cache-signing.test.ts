import { createHash, createHmac } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import {
  cleanUp,
  exchange,
  lastGet,
  startNode,
  startProxy,
  subscribe,
  temporaryFolder,
  type Proxy,
  type ProxyConfig,
  type Upstream,
} from './proxy-harness.js';
import { bodyOf } from './raw-answer.js';

afterEach(cleanUp);

const ID = 'AKIAIOSFODNN7EXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const HOST = 'private.store.test';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** What a store that speaks S3 does with a request's signature (AWS Signature Version 4); `lines` are the fields it covers. */
function signatureOf(
  method: string,
  url: string,
  fields: ReadonlyMap<string, string>,
  scope: string,
): string {
  const [path = '', query = ''] = url.split('?');
  const names = [...fields.keys()].sort();
  const canonical = [
    method,
    path,
    query,
    ...names.map((name) => `${name}:${fields.get(name)}`),
    '',
    names.join(';'),
    fields.get('x-amz-content-sha256'),
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', fields.get('x-amz-date'), scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>((k, part) => hmac(k, part), `AWS4${SECRET}`);
  return hmac(key, text).toString('hex');
}

function isSigned(request: IncomingMessage): boolean {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (match === null || match[1] !== ID) return false;
  const fields = new Map(match[3]!.split(';').map((name) => [name, String(request.headers[name])]));
  const age =
    Date.now() -
    Date.parse(String(request.headers['x-amz-date']).replace(/^(....)(..)(..T..)(..)/, '$1-$2-$3:$4:'));
  return (
    Math.abs(age) < 900_000 && signatureOf(request.method!, request.url!, fields, match[2]!) === match[4]
  );
}

/** A private bucket: who signs may read objects, list and write; all others get a 403. */
async function startStore(): Promise<Upstream & { asked: string[] }> {
  const asked: string[] = [];
  const store = await startNode((request, response) => {
    const outcome = isSigned(request) ? 200 : 403;
    asked.push(`${request.method} ${request.url} ${outcome}`);
    response.writeHead(outcome, { 'cache-control': 'max-age=600' });
    response.end(outcome === 200 ? `object ${request.url}` : 'AccessDenied');
  });
  return Object.assign(store, { asked });
}

async function startSigning(
  store: Upstream,
  cache: ProxyConfig = {},
): Promise<Proxy & { at: number; secretFile: string }> {
  const secretFile = join(await temporaryFolder(), 'secret');
  await writeFile(secretFile, `${SECRET}\n`, { mode: 0o600 });
  const proxy = await startProxy([store.node], {
    routes: [{ pattern: '/*rest', class: 'asset' }],
    capture: { enabled: true },
    cache: {
      originHost: HOST,
      signing: { region: 'eu-central-1', accessKeyId: ID, secretFile },
      ...cache,
    },
  });
  return Object.assign(proxy, { secretFile });
}

describe('assets of a private bucket', () => {
  it('the store of these tests checks signatures as the examples of AWS have them', () => {
    const common = new Map([
      ['host', 'examplebucket.s3.amazonaws.com'],
      ['x-amz-content-sha256', sha256('')],
      ['x-amz-date', '20130524T000000Z'],
    ]);
    const scope = '20130524/us-east-1/s3/aws4_request';
    expect(signatureOf('GET', '/test.txt', new Map([...common, ['range', 'bytes=0-9']]), scope)).toBe(
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
    expect(signatureOf('GET', '/?lifecycle=', common, scope)).toBe(
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    );
  });

  it('are read by signed requests, whatever the path has in it, and kept', async () => {
    const store = await startStore();
    const proxy = await startSigning(store, { originPath: '/bucket' });
    const head = await exchange(proxy.at, 'HEAD /not-yet HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 200 /);
    for (let i = 0; i < 2; i++) {
      expect(bodyOf(await exchange(proxy.at, lastGet('/img/a%20b/caf%C3%A9+1.png?v=3')))).toBe(
        'object /bucket/img/a%20b/caf%C3%A9%2B1.png',
      );
    }
    expect(bodyOf(await exchange(proxy.at, lastGet('/part', 'Range: bytes=0-3\r\n')))).toContain('obje');
    expect(store.asked).toEqual([
      'HEAD /bucket/not-yet 200',
      'GET /bucket/img/a%20b/caf%C3%A9%2B1.png 200',
      'GET /bucket/part 200',
    ]);
  });

  it('cannot be listed, written or left for another bucket in our name', async () => {
    const store = await startStore();
    const proxy = await startSigning(store, { originPath: '/bucket' });
    for (const [i, request] of [
      lastGet('/'),
      lastGet('/?list-type=2'),
      lastGet('/%2e%2e/other/secret'),
      lastGet('/a/../../other'),
      'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx',
      'DELETE /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    ].entries())
      expect([i, await exchange(proxy.at, request)]).toEqual([i, expect.stringMatching(/^HTTP\/1.1 403 /)]);
    expect(store.asked.filter((line) => line.endsWith(' 200'))).toEqual([]);
  });

  it('a client has no say in what is signed, and its own credentials stay here', async () => {
    const store = await startStore();
    const proxy = await startSigning(store);
    const fields = 'Authorization: Bearer mine\r\nX-Amz-Date: 20000101T000000Z\r\nX-Amz-Acl: public-read\r\n';
    expect(bodyOf(await exchange(proxy.at, lastGet('/a', fields)))).toBe('object /a');
  });

  it('the secret stands nowhere but in its file; a new one is taken by a reload, a bad one leaves the old', async () => {
    const store = await startStore();
    const proxy = await startSigning(store);
    const peer = await subscribe(proxy, { exchanges: true });
    await exchange(proxy.at, lastGet('/a'));
    const records = await peer.exchanges(1);
    const told = JSON.stringify([peer.frames, records], (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : Buffer.isBuffer(value) ? value.toString('latin1') : value,
    );
    const { pid } = proxy.child;
    const outside = [
      proxy.stderr,
      told,
      await readFile(`/proc/${pid}/cmdline`, 'utf8'),
      await readFile(`/proc/${pid}/environ`, 'utf8'),
      await readFile(proxy.file, 'utf8'),
    ].join('\n');
    expect(outside).toContain(ID);
    expect(outside).not.toContain(SECRET);
    expect(outside).not.toContain('Signature=');
    await writeFile(proxy.secretFile, 'another secret of no use\n');
    expect(await peer.configure(1, proxy.config)).toMatchObject({ ok: true });
    expect(await exchange(proxy.at, lastGet('/b'))).toMatch(/^HTTP\/1.1 403 /);
    await writeFile(proxy.secretFile, '');
    expect(await peer.configure(2, proxy.config)).toMatchObject({
      ok: false,
      path: 'cache.signing.secretFile',
    });
    await writeFile(proxy.secretFile, SECRET);
    expect(await peer.configure(3, proxy.config)).toMatchObject({ ok: true });
    expect(bodyOf(await exchange(proxy.at, lastGet('/c')))).toBe('object /c');
  });
});
