import {
  endpointName,
  type ClusterSpec,
  type ClusterStatus,
  type DharmaErrorJson,
  type EndpointStatus,
  type NodeStatus,
  type ProxyNode,
  type SizingStatus,
} from '../../common/index.js';
import type { Measurement } from '../routetest/measure.js';
import { targetOf } from '../sizing/input.js';
import { routeText } from '../sizing/settings.js';
import type { EndpointWindow } from '../telemetry/rolling.js';
import type { GroupKey } from './plan.js';

/** Where requests go by the config that the proxy has acknowledged. */
export interface Serving {
  /** Of the spec it was made from. */
  readonly generation: number;
  readonly group: GroupKey;
  /** Id of the group's release. */
  readonly release: string;
  readonly nodes: readonly Pick<ProxyNode, 'name' | 'address' | 'port'>[];
}

export interface StatusInput {
  readonly spec: ClusterSpec;
  /** Nodes of each group that are to serve, and of the active one to wait ready. */
  readonly count: number;
  readonly spares: number;
  readonly sizing: SizingStatus;
  readonly activeGroup: GroupKey;
  readonly warmGroups: readonly GroupKey[];
  readonly serving: Serving | undefined;
  readonly nodes: readonly {
    readonly group: GroupKey;
    readonly status: NodeStatus;
    readonly error?: DharmaErrorJson;
  }[];
  readonly proxy: ClusterStatus['proxy'];
  /** Why the proxy or the agent cannot do what the spec says. */
  readonly error: DharmaErrorJson | undefined;
  readonly windows: readonly EndpointWindow[];
  readonly measurements: readonly Measurement[];
  /** How long nodes say they took themselves, over all or on one, ms. */
  readonly own?: (endpoint: string, node?: string) => number | undefined;
}

/** What the agent tells of its cluster. Pure. */
export function clusterStatus(input: StatusInput): ClusterStatus {
  const { spec, nodes } = input;
  const wanted = [input.activeGroup, ...input.warmGroups];
  const isReady = (group: GroupKey): boolean =>
    nodes.filter((node) => node.group === group && node.status.state === 'ready').length >= input.count;
  const error =
    input.error ?? nodes.find((node) => wanted.includes(node.group) && node.error !== undefined)?.error;
  const converged =
    wanted.every(isReady) &&
    input.serving?.generation === spec.generation &&
    input.serving.group === input.activeGroup &&
    nodes.filter((node) => node.group === input.activeGroup && isServing(node.status, input.serving))
      .length === input.count &&
    nodes.length === new Set(wanted).size * input.count + input.spares;
  const releases = [spec.active, ...spec.warm].map(({ id }) => id);
  return {
    name: spec.name,
    generation: spec.generation,
    state: error !== undefined ? 'failed' : converged ? 'converged' : 'converging',
    ...(error === undefined ? {} : { error }),
    activeRelease: input.serving?.release ?? '',
    readyReleases: [...new Set(releases.filter((_, index) => isReady(wanted[index]!)))],
    nodes: nodes.map(({ status }) => status),
    proxy: input.proxy,
    endpoints: endpointStatuses(input),
    sizing: input.sizing,
  };
}

/** A node may be ready before the proxy knows: one that was started again is another process, on a port of its own. */
function isServing({ name, port }: NodeStatus, serving: Serving | undefined): boolean {
  return serving?.nodes.some((node) => node.name === name && node.port === port) === true;
}

/** Endpoints that were measured or used, ordered by name. */
function endpointStatuses({
  spec,
  serving,
  windows,
  measurements,
  own = () => undefined,
}: StatusInput): EndpointStatus[] {
  const release = [spec.active, ...spec.warm].find(({ id }) => id === serving?.release) ?? spec.active;
  const config = { waitMultiplier: spec.config.waitMultiplier, targetCeilingMs: spec.config.targetCeiling };
  const names = new Set([...windows, ...measurements].map(({ endpoint }) => endpoint));
  return [...names].sort().map((endpoint) => {
    const used = windows.find((window) => window.endpoint === endpoint) ?? UNUSED;
    const perfAvg = measurements.find((measurement) => measurement.endpoint === endpoint)?.median;
    const told = (node?: string): { readonly own?: number } => {
      const ms = own(endpoint, node);
      return ms === undefined ? {} : { own: ms };
    };
    return {
      ...used,
      ...told(),
      nodes: used.nodes.map((tally) => ({ ...tally, ...told(tally.node) })),
      endpoint,
      routes: release.manifest.routes.filter((route) => endpointName(route) === endpoint).map(routeText),
      perfAvg,
      target: perfAvg === undefined ? undefined : targetOf(perfAvg, config),
    };
  });
}

const UNUSED: Omit<EndpointWindow, 'endpoint'> = {
  count: 0,
  errors: 0,
  median: undefined,
  p90: undefined,
  p99: undefined,
  open: 0,
  frequency: 0,
  nodes: [],
};

/** Before the agent has been told what its cluster is to be. */
export function emptyStatus(name: string): ClusterStatus {
  return {
    name,
    generation: 0,
    state: 'converging',
    activeRelease: '',
    readyReleases: [],
    nodes: [],
    proxy: {
      pid: undefined,
      address: '',
      port: 0,
      restarts: 0,
      measure: false,
      waiting: 0,
      queued: 0,
      refused: 0,
      glitches: 0,
      nodesOut: [],
    },
    endpoints: [],
  };
}
