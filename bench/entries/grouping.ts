import { groupEndpoints, type EndpointLoad, type NodeGroup } from '../../cluster-agent/sizing/grouping.js';
import { MIXES } from '../sizing/mixes.js';
import { simulateGroups } from '../sizing/queue.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

const HEAD = ['mix', '', 'nodes', ...['shortest', 'longest'].map((which) => `${which}: answer / target`)];
/** So many that the rarest endpoint comes some thousand times. */
const REQUESTS = 1_000_000;

function row(
  name: string,
  what: string,
  loads: readonly EndpointLoad[],
  groups: readonly NodeGroup[],
): string[] {
  const answers = simulateGroups(loads, groups, REQUESTS, 1);
  const share = ({ endpoint, target }: EndpointLoad): string => (answers.get(endpoint)! / target!).toFixed(2);
  const nodes = groups.map((group) => group.nodes).join(' + ');
  return [name, what, nodes, share(loads[0]!), share(loads.at(-1)!)];
}

async function run(context: EntryContext): Promise<EntryResult> {
  const rows = MIXES.flatMap(({ name, loads }) => {
    const sizes = [{ size: 'any', price: 1, speed: 1 }];
    const { groups, ungrouped } = groupEndpoints({ endpoints: loads, sizes, least: 1, most: 1000 });
    const together = (nodes: number): NodeGroup[] => [
      {
        nodeClass: 'all',
        endpoints: loads.map((load) => load.endpoint),
        size: 'any',
        nodes,
        work: 0,
        wait: 0,
      },
    ];
    const nodes = groups.reduce((sum, group) => sum + group.nodes, 0);
    context.say(`grouping: ${name}`);
    return [
      row(name, 'grouped', loads, groups),
      row(name, 'as many, together', loads, together(nodes)),
      ...(ungrouped === undefined
        ? []
        : [row(name, 'together, as the model asks', loads, together(ungrouped.nodes))]),
    ];
  });
  return {
    entry: 'grouping',
    load: `${REQUESTS} simulated requests a row, Poisson arrivals, log-normal service; targets are twice the service time`,
    effort: context.effort,
    figures: [],
    ratios: [],
    tables: [{ head: HEAD, rows }],
    notes: [],
  };
}

export const groupingEntry: Entry = {
  name: 'grouping',
  about: 'endpoints on nodes by duration: the grouping that is chosen against none, simulated',
  run,
};
