import { startDharma, startHttpProxy, type Subject } from '../subject.js';
import type { Entry } from './entry.js';
import { comparePeers } from './peers.js';

export const edgeEntry: Entry = {
  name: 'edge',
  about: "the edge and a cluster's proxy, one behind the other, against Node's http-proxy alone",
  run: (context) =>
    comparePeers('edge', context, async (upstream, own) => {
      const cluster = own(await startDharma('cluster', context.folder, [upstream]));
      const edge = own(await startDharma('edge', context.folder, [cluster.port]));
      const chain: Subject = {
        ...edge,
        name: 'edge + cluster proxy',
        pids: () => [...edge.pids(), ...cluster.pids()],
      };
      return [chain, own(await startHttpProxy(context.folder, upstream))];
    }),
};
