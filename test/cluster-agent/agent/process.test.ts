import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AgentClient } from '../../../cluster-agent/index.js';
import { Child, accepts, baseEnv, distPath, logTail, type ClusterStatus } from '../../../common/index.js';
import { log, soon, specOf, urlOf } from '../support/agents.js';
import { httpApp, releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';

const converged = (status: ClusterStatus): boolean => status.state === 'converged';
const gone = async (pid: number): Promise<void> => {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** Asks again and again; `stop()` tells the statuses that came. */
function poll(url: string): { stop: () => Promise<ReadonlySet<number>> } {
  const statuses = new Set<number>();
  let on = true;
  const loop = (async () => {
    while (on) {
      const answer = await fetch(url).catch(() => undefined);
      if (answer !== undefined) statuses.add(answer.status);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  return {
    stop: async () => {
      on = false;
      await loop;
      return statuses;
    },
  };
}

async function startProcess(dir: string, logFile: string, ipc = false): Promise<Child> {
  const child = await Child.start({
    name: 'agent',
    command: process.execPath,
    args: [distPath('cluster-agent/main.js'), '--dir', dir, '--name', 'blue'],
    env: { ...baseEnv(), DHARMA_LOG: 'info' },
    logFile,
    ipc,
  });
  onTestFinished(async () => void (await child.stop()));
  return child;
}

/** The agent's own pid: between it and us stands its launcher. */
async function agentPid(child: Child): Promise<number> {
  const children = await import('node:fs/promises').then(({ readFile }) =>
    readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'),
  );
  return Number(children.trim().split(' ')[0] || child.pid);
}

describe('the agent process', () => {
  it('killed outright leaves no process behind, and comes back with its cluster', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, httpApp(`(q, r) => r.end('here')`));
    const dir = join(root, 'blue');
    const first = await startProcess(dir, join(root, 'agent.log'));
    const client = new AgentClient({ dir, log });
    onTestFinished(() => client.close());
    await client.waitUntil(() => true, soon());
    const spec = await specOf(root, release);
    await client.putSpec(spec, soon());
    const before = await client.waitUntil(converged, soon());

    process.kill(await agentPid(first), 'SIGKILL');
    await first.exited;
    await Promise.all([...before.nodes.map(({ pid }) => gone(pid!)), gone(before.proxy.pid!)]);
    expect(await accepts({ host: spec.listen.address, port: spec.listen.port })).toBe(false);

    const statuses = poll(urlOf(spec));
    const second = await startProcess(dir, join(root, 'agent.log'));
    const after = await client.waitUntil(converged, soon());
    // Whoever balances over clusters tries another where nobody listens; a refusal it passes on.
    expect([...(await statuses.stop())].filter((status) => status >= 500)).toEqual([]);
    expect(after.generation).toBe(before.generation);
    expect(await (await fetch(urlOf(spec))).text()).toBe('here');
    expect(await readdir(join(dir, 'nodes'))).toHaveLength(2);

    await second.stop(30_000);
    expect(second.exit).toEqual({ code: 0, signal: null });
    await Promise.all([...after.nodes.map(({ pid }) => gone(pid!)), gone(after.proxy.pid!)]);
    expect(await readdir(dir)).not.toContain('agent.sock');
  });

  it('ends when its parent does, and refuses to run beside another', async () => {
    const root = await temporaryFolder();
    const dir = join(root, 'blue');
    const first = await startProcess(dir, join(root, 'agent.log'), true);
    const client = new AgentClient({ dir, log });
    onTestFinished(() => client.close());
    await client.waitUntil(() => true, soon());
    const second = await startProcess(dir, join(root, 'second.log'));
    expect((await second.exited).code).toBe(1);
    expect(await logTail(join(root, 'second.log'))).toContain('AGENT_RUNNING');
    first.channel.disconnect();
    expect(await first.exited).toEqual({ code: 0, signal: null });
  });
});
