import { ensureNative } from '../../../common/index.js';
import type { Command } from '../command.js';

const EDGE = 'edge';

export const replaceProxy: Command = {
  name: 'replace-proxy',
  summary: 'put new processes in the place of the proxies, without losing a connection',
  description:
    'After dharma was updated, or after "edge" of federation.json was changed. NAME is a cluster, or edge; without it all, the edge last. The new process gets the listening sockets of the old one, which answers what it has and stays while its WebSockets do.',
  args: [{ syntax: '[name...]', about: 'clusters, or edge' }],
  examples: ['federate replace-proxy', 'federate replace-proxy edge'],
  run: async ({ client, printer, signal }, { rest }) => {
    // What was updated has the sources of its native programs only.
    await ensureNative((text) => printer.doing(text));
    const api = await client();
    const names = rest.length > 0 ? rest : [...(await clusterNames(api, signal)), EDGE];
    const replaced = [];
    for (const name of names) {
      printer.doing(`replacing the proxy of ${name}`);
      const identity = await api.replaceProxy(name === EDGE ? undefined : name, signal);
      replaced.push({ name, ...identity });
      printer.done(`the proxy of ${name} is process ${identity.pid} now, version ${identity.version}`);
    }
    return { data: { replaced } };
  },
};

async function clusterNames(
  api: { status(signal: AbortSignal): Promise<{ clusters: { name: string; health: string }[] }> },
  signal: AbortSignal,
): Promise<string[]> {
  const { clusters } = await api.status(signal);
  // One that does not serve yet has no proxy, and starts it as it is on disk.
  return clusters.filter(({ health }) => health === 'converged').map(({ name }) => name);
}
