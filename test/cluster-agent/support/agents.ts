import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Provider } from '../../../cluster-agent/provider/provider.js';
import { Agent, AgentClient, createLauncher, serveAgent } from '../../../cluster-agent/index.js';
import {
  clusterConfigSchema,
  createLogger,
  freePort,
  type ClusterConfigInput,
  type ClusterSpec,
  type Release,
} from '../../../common/index.js';

export const log = createLogger('test', process.env.DHARMA_LOG ?? 'silent');

/** Restarts quickly, so that tests of crashes do. */
export const QUICK = { first: 20, most: 200, stableAfter: 1000 };

export interface TestAgent {
  readonly agent: Agent;
  readonly client: AgentClient;
  readonly dir: string;
  close(): Promise<void>;
}

/** An agent in this process, with its server, closed when the test ends. */
export async function startAgent(
  root: string,
  name = 'blue',
  more: { readonly provider?: Provider } = {},
): Promise<TestAgent> {
  const dir = join(root, name);
  const agent = await Agent.open({ name, dir, launcher: createLauncher(), log, backoff: QUICK, ...more });
  const server = await serveAgent({ name, dir, agent, log });
  const client = new AgentClient({ dir, log });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await client.close();
    await server.close();
    await agent.close();
  };
  const started = { agent, client, dir, close: () => (closing ??= close()) };
  onTestFinished(started.close);
  return started;
}

/** A spec of the cluster `blue`; its proxy's port stays the same when `before` is given. */
export async function specOf(
  root: string,
  active: Release,
  more: {
    before?: ClusterSpec;
    warm?: Release[];
    config?: ClusterConfigInput;
    recordOutbound?: boolean;
  } = {},
): Promise<ClusterSpec> {
  const { before, warm = [], config, recordOutbound = false } = more;
  return {
    name: 'blue',
    generation: (before?.generation ?? 0) + 1,
    config: clusterConfigSchema.parse({
      measure: false,
      drainTimeout: '3s',
      ...config,
      proxy: { telemetryInterval: '100ms' },
    }),
    active,
    warm,
    stores: { mongo: 'mongodb://127.0.0.1:1/app', redis: 'redis://127.0.0.1:1' },
    listen: before?.listen ?? { address: '127.0.0.1', port: await freePort() },
    writableDir: join(root, 'files'),
    recordOutbound,
  };
}

export function urlOf(spec: ClusterSpec): string {
  return `http://${spec.listen.address}:${spec.listen.port}`;
}

/** Long enough for a loaded machine: it only ends what hangs. */
export const soon = (): AbortSignal => AbortSignal.timeout(45_000);
