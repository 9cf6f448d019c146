import {
  endpointName,
  workersConfig,
  type ClusterConfig,
  type NodeState,
  type Release,
} from '../../common/index.js';
import type { Measurement } from '../routetest/measure.js';
import type { Sight } from '../sizing/loop.js';
import { observe } from '../sizing/observe.js';
import { costsOf } from '../sizing/settings.js';
import { observeTasks } from '../sizing/task-work.js';
import type { TaskTelemetry } from '../telemetry/tasks.js';
import type { Tick } from '../telemetry/tick.js';
import type { PlannedNode } from './plan.js';
import type { Serving } from './status.js';

/** States of a node that will serve. */
const COMING: ReadonlySet<NodeState> = new Set(['starting', 'testing', 'ready']);

/** What the number of nodes is decided on. `wanted`: to serve. Pure. */
export function nodesSight(seen: {
  readonly config: ClusterConfig;
  readonly serving: Serving;
  readonly release: Release;
  readonly planned: readonly PlannedNode[];
  readonly wanted: number;
  readonly tick: Tick;
  readonly measured: readonly Measurement[];
  readonly defined: Sight['crons'];
}): Sight {
  const { serving, release, tick } = seen;
  const { routes, crons = [] } = release.manifest;
  const served = new Set(serving.nodes.map(({ name }) => name));
  const coming = seen.planned.filter(
    ({ name, group, state }) => group === serving.group && COMING.has(state) && !served.has(name),
  );
  const surroundings = {
    costs: costsOf(seen.measured),
    serving: served.size,
    realtime: new Set(routes.filter((route) => route.class === 'realtime').map(endpointName)),
  };
  return {
    config: seen.config,
    serving: served.size,
    // Whatever is above the number that is to serve waits as a spare.
    starting: Math.min(Math.max(0, seen.wanted - served.size), coming.length),
    watchedMs: tick.to - tick.from,
    observe: (before, config) => observe(before, tick, { ...surroundings, config }),
    crons: [...crons, ...seen.defined],
    isSticky: routes.some(({ sticky }) => sticky !== 'none'),
  };
}

/** What the number of workers is decided on; undefined before two readings of the app's tasks. Pure. */
export function workersSight(
  cluster: ClusterConfig,
  { ready, coming }: { readonly ready: number; readonly coming: number },
  tasks: Pick<TaskTelemetry, 'tick' | 'clusters' | 'crons'>,
): Sight | undefined {
  const { tick, clusters, crons } = tasks;
  if (tick.length < 2) return undefined;
  return {
    config: workersConfig(cluster),
    serving: ready,
    starting: coming,
    watchedMs: tick.at(-1)!.at - tick[0]!.at,
    observe: (before, { waitMultiplier }) => {
      const surroundings = { workers: ready, clusters, waitMultiplier };
      const { observation, ahead } = observeTasks(before.ahead ?? [], tick, surroundings);
      return { observation, memory: { ...before, ahead } };
    },
    crons,
    isSticky: false,
  };
}
