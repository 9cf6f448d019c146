import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import {
  createLogger,
  manifestSchema,
  packageRoot,
  systemClock,
  type ArmName,
  type Release,
  type RunningApp,
} from '../../../common/index.js';
import { createLauncher } from '../../../cluster-agent/index.js';
import type { PrepareArmsOptions } from '../../../shadow/arms-contract.js';

/** The test app as an installed release; it borrows this package's modules. */
export async function testRelease(
  dir: string,
  id: string,
  env: Record<string, string> = {},
): Promise<Release> {
  await mkdir(dir, { recursive: true });
  await cp(new URL('app', import.meta.url).pathname, dir, { recursive: true });
  await symlink(join(packageRoot, 'node_modules'), join(dir, 'node_modules'));
  const manifest = manifestSchema.parse({
    name: 'arms-app',
    command: ['node', 'main.mjs'],
    outbound: { PAY_URL: 'http://127.0.0.1:1/v1' },
    writable: { UPLOAD_DIR: 'uploads' },
    env,
  });
  return { id, app: 'arms-app', dir, manifest, packages: {}, createdAt: 0 };
}

export function prepareOptions(
  given: Pick<PrepareArmsOptions, 'workDir' | 'old' | 'new' | 'live'> & Partial<PrepareArmsOptions>,
): PrepareArmsOptions {
  return {
    names: ['old-a', 'new-a'],
    stubs: [],
    writable: {},
    outbound: { PAY_URL: 'http://127.0.0.1:1/v1' },
    launcher: createLauncher(),
    clock: systemClock,
    log: createLogger('test', process.env.DHARMA_LOG ?? 'silent'),
    signal: new AbortController().signal,
    unguarded: false,
    determinism: true,
    env: {},
    onProgress: () => undefined,
    ...given,
  };
}

/** One request to an arm's app, as the replay makes it. */
export async function ask(
  app: RunningApp,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; json: Record<string, unknown>; text: string }> {
  const { target } = app;
  const agent = new Agent('socket' in target ? { connect: { socketPath: target.socket } } : {});
  const origin = 'socket' in target ? 'http://arm' : `http://${target.host}:${target.port}`;
  try {
    const answer = await request(`${origin}${path}`, {
      dispatcher: agent,
      method: body === undefined ? 'GET' : 'POST',
      body: body === undefined ? null : JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
    const text = await answer.body.text();
    const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: answer.statusCode, json, text };
  } finally {
    await agent.close();
  }
}

export const ALL: readonly ArmName[] = ['old-a', 'old-b', 'new-a', 'new-b'];
