import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Node, type NodeOptions } from '../../../cluster-agent/node/node.js';
import { manifestSchema, type AppLauncher, type RunningApp } from '../../../common/index.js';
import { log } from '../support/agents.js';
import { temporaryFolder } from '../support/folders.js';

/** A launcher whose apps come up and end when the test says so. */
class Puppeteer implements AppLauncher {
  readonly stopped: number[] = [];
  readonly #launches: ((app: RunningApp) => void)[] = [];
  #next = 1;

  launch(): Promise<RunningApp> {
    return new Promise((resolve) => this.#launches.push(resolve));
  }

  get launching(): number {
    return this.#launches.length;
  }

  /** The app that was launched first and is not up yet comes up. Returns how to end it. */
  comeUp(): () => void {
    const pid = this.#next++;
    let end: () => void = () => undefined;
    const exited = new Promise<{ code: number; signal: null }>(
      (resolve) => (end = () => resolve({ code: 1, signal: null })),
    );
    const stop = async (): Promise<void> => {
      this.stopped.push(pid);
      end();
    };
    this.#launches.shift()!({ name: 'n', pid, target: { host: '127.0.0.1', port: 1 }, exited, stop });
    return end;
  }
}

async function nodeWith(launcher: AppLauncher, more: Partial<NodeOptions> = {}) {
  const root = await temporaryFolder();
  const manifest = manifestSchema.parse({ name: 'x' });
  const release = { id: 'r', app: 'x', dir: root, manifest, packages: {}, createdAt: 0 };
  const { writeFile } = await import('node:fs/promises');
  await writeFile(join(root, 'log'), 'last words');
  const states: string[] = [];
  const node: Node = new Node({
    launch: { release, name: 'n', env: {}, workDir: root, logFile: join(root, 'log'), host: '127.0.0.1' },
    launcher,
    test: async () => undefined,
    onChange: () => states.push(node.state),
    backoff: { first: 1, most: 2, stableAfter: 60_000 },
    log,
    ...more,
  });
  return { node, states };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('a node', () => {
  it('goes from starting over testing to ready, and to stopped', async () => {
    const launcher = new Puppeteer();
    const { node, states } = await nodeWith(launcher);
    launcher.comeUp();
    await until(() => node.state === 'ready');
    await node.stop();
    expect(states).toEqual(['testing', 'ready', 'stopped']);
    expect(launcher.stopped).toContain(1);
  });

  // It was seen ready for ever, with nobody to stop it, when the stop came while its launch was about to resolve.
  it('told to stop while it comes up, stops what then comes up', async () => {
    const launcher = new Puppeteer();
    const { node } = await nodeWith(launcher);
    const stopping = node.stop();
    launcher.comeUp();
    await stopping;
    expect(launcher.stopped).toEqual([1]);
    expect(node.state).toBe('stopped');
    expect(launcher.launching).toBe(0);
  });

  it('is started again when it ends, and told failed once that goes on', async () => {
    const launcher = new Puppeteer();
    const { node } = await nodeWith(launcher);
    for (const expected of ['starting', 'starting', 'failed']) {
      await until(() => launcher.launching === 1);
      const end = launcher.comeUp();
      await until(() => node.state === 'ready');
      end();
      await until(() => node.state === expected);
    }
    expect(node.error).toMatchObject({ code: 'NODE_CRASHED', found: 'last words' });
    expect(node.status.restarts).toBeGreaterThanOrEqual(2);
    await until(() => launcher.launching === 1);
    launcher.comeUp();
    await until(() => node.state === 'ready');
    expect(node.error).toBeUndefined();
    await node.stop();
  });

  it('that ends while it is tested has crashed; it has not failed its tests', async () => {
    const launcher = new Puppeteer();
    const { node } = await nodeWith(launcher, { test: () => new Promise(() => undefined) });
    const end = launcher.comeUp();
    await until(() => node.state === 'testing');
    end();
    await until(() => node.state === 'failed');
    expect(node.error!.code).toBe('NODE_CRASHED');
    const stopping = node.stop();
    if (launcher.launching > 0) launcher.comeUp();
    await stopping;
  });

  it('that drains is not started again when it ends', async () => {
    const launcher = new Puppeteer();
    const { node } = await nodeWith(launcher);
    const end = launcher.comeUp();
    await until(() => node.state === 'ready');
    node.drain();
    end();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(launcher.launching).toBe(0);
    expect(node.state).toBe('draining');
    await node.stop();
  });
});
