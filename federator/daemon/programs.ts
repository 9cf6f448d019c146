import { baseEnv, distPath, type ChildSpec } from '../../common/index.js';
import type { Home } from '../home/home.js';

/** How the supervisor's children are started. Secrets travel in files (see runtime.ts), never in arguments. */

export function federatorSpec(home: Home, apiPort: number): ChildSpec {
  return node(home, 'federator', 'federator/server/main.js', ['--port', String(apiPort)], true);
}

export function agentSpec(home: Home, name: string): ChildSpec {
  return {
    ...node(home, `agent-${name}`, 'cluster-agent/main.js', []),
    args: [
      distPath('cluster-agent/main.js'),
      '--dir',
      home.cluster(name),
      '--name',
      name,
      '--spend',
      home.spendSocket,
    ],
  };
}

/** A shadow, its mirror stores and its arms give way to what is live: a third of the CPU where both want it. */
const SHADOW_NICE = 5;

/**
 * What one exchange leaves behind is garbage by the next but for its names, which go into large tables: each small
 * collection walks what was written there. With 64 MB between two of them instead of 16 the judge's CPU is a quarter less.
 */
export const SHADOW_NODE_FLAGS: readonly string[] = ['--max-semi-space-size=64'];

export function workerSpec(home: Home, upgrade: string): ChildSpec {
  return {
    ...node(home, `shadow-${upgrade}`, 'federator/shadow-worker/main.js', ['--upgrade', upgrade], true),
    launcherArgs: ['--nice', String(SHADOW_NICE)],
  };
}

function node(home: Home, name: string, program: string, args: readonly string[], ipc = false): ChildSpec {
  return {
    name,
    command: process.execPath,
    args: [distPath(program), '--home', home.dir, ...args],
    env: baseEnv(),
    logFile: home.log(name),
    ipc,
  };
}
