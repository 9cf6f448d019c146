import { join } from 'node:path';
import type { ClusterStatus } from '../../common/index.js';
import type { AgentPort } from '../clusters/agent-port.js';
import { unixJson } from '../daemon/unix-json.js';
import type { Home } from '../home/home.js';

/** Where a cluster's agent listens. */
export function agentSocket(home: Home, cluster: string): string {
  return join(home.cluster(cluster), 'agent.sock');
}

/** The agent of a cluster of this machine, over its unix socket. */
export function agentClient(home: Home, cluster: string): AgentPort {
  const socket = agentSocket(home, cluster);
  return {
    putSpec: async (spec, signal) => {
      await unixJson(socket, { method: 'PUT', path: '/spec', body: spec, signal });
    },
    // The agent is of the same version as we are: the supervisor started both from one package.
    status: async (signal) =>
      (await unixJson(socket, { method: 'GET', path: '/status', signal })) as ClusterStatus,
  };
}
