import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import ts from 'typescript';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ID = '00000000000000ab';

/** Compiles the preload alone, as the build does, into a folder of the test's own. */
async function compiled(dir: string): Promise<string> {
  const source = await readFile(new URL('../../../common/preload/context.ts', import.meta.url), 'utf8');
  const file = join(dir, 'context.mjs');
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
  await writeFile(file, ts.transpileModule(source, { compilerOptions }).outputText);
  return file;
}

describe('the context preload', () => {
  let dir: string;
  let app: ChildProcess;
  let appPort: number;
  let out: Server;
  let other: Server;
  const seen = new Map<string, string | string[] | undefined>();

  const listen = async (server: Server): Promise<string> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-preload-'));
    const record = (): Server =>
      createServer((req, res) => {
        seen.set(req.url!.slice(1), req.headers['dharma-exchange']);
        res.end('ok');
      });
    [out, other] = [record(), record()];
    const OUT = await listen(out);
    const OTHER = await listen(other);
    app = fork(new URL('app.mjs', import.meta.url), {
      execArgv: ['--import', await compiled(dir)],
      env: { OUT, OTHER, DHARMA_OUTBOUND: `10.0.0.1:80,${new URL(OUT).host}` },
    });
    [appPort] = (await once(app, 'message')) as [number];
  });
  afterAll(async () => {
    app.kill('SIGKILL');
    out.close();
    other.close();
    await rm(dir, { recursive: true, force: true });
  });

  const ask = async (
    way: string,
    headers: Record<string, string>,
  ): Promise<{ headers: string[]; bytes: number }> => {
    const answer = await request(`http://127.0.0.1:${appPort}/${way}`, {
      method: 'POST',
      body: 'hello',
      headers,
    });
    return (await answer.body.json()) as { headers: string[]; bytes: number };
  };

  it.each(['request', 'get', 'commonjs', 'options', 'array', 'fetch', 'late'])(
    'puts the exchange on a call made by %s',
    async (way) => {
      await ask(way, { 'dharma-exchange': ID });
      expect(seen.get(way)).toBe(ID);
      await ask(way, {});
      expect(seen.get(way)).toBeUndefined();
    },
  );

  it.each(['other', 'otherFetch'])('leaves a call to an undeclared destination alone (%s)', async (way) => {
    await ask(way, { 'dharma-exchange': ID });
    expect(seen.has(way)).toBe(true);
    expect(seen.get(way)).toBeUndefined();
  });

  it('hides its headers from the app, and believes only ids', async () => {
    const answer = await ask('get', { 'dharma-exchange': ID, 'dharma-time': '12' });
    expect(answer.headers.filter((name) => name.startsWith('dharma'))).toEqual([]);
    expect(answer.bytes).toBe(5);
    await ask('get', { 'dharma-exchange': 'no id\u00e9' });
    expect(seen.get('get')).toBeUndefined();
  });

  it('keeps overlapping requests apart', async () => {
    const ids = Array.from({ length: 30 }, (_, i) => i.toString(16).padStart(16, '0'));
    const got: unknown[] = [];
    out.on('request', (req) => got.push(req.headers['dharma-exchange']));
    await Promise.all(ids.map((id) => ask('late', { 'dharma-exchange': id })));
    expect(got.sort()).toEqual(ids);
  });
});
