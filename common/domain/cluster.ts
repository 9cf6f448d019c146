import type { ClusterConfig } from '../config/cluster.js';
import type { Release } from './release.js';
import type { SizingStatus } from './sizing.js';

/**
 * What an agent is told to bring about: the whole desired state of one cluster. Putting the same spec twice changes
 * nothing. Nodes of `active` get traffic; nodes of `warm` releases run, tested, without traffic (a promotion's next,
 * a rollback's previous).
 */
export interface ClusterSpec {
  readonly name: string;
  /** Rises with every change the federator makes; an agent refuses an older one. */
  readonly generation: number;
  readonly config: ClusterConfig;
  readonly active: Release;
  readonly warm: readonly Release[];
  /** What nodes of a warm release get, by its id, where that is not `config`: the other side of an upgrade that changes it. */
  readonly warmConfigs?: Readonly<Record<string, ClusterConfig>>;
  /** Real URIs of the stores the app's nodes use. */
  readonly stores: { readonly mongo: string; readonly redis: string };
  /** Address the cluster's proxy listens at. */
  readonly listen: { readonly address: string; readonly port: number };
  /**
   * Folder that holds the app's writable folders (manifest.writable), shared by all clusters on this machine: a file
   * uploaded through one cluster is read through another.
   */
  readonly writableDir: string;
  /** Record the nodes' outbound calls (a shadow is running). */
  readonly recordOutbound: boolean;
}

export type NodeState = 'starting' | 'testing' | 'ready' | 'draining' | 'failed' | 'stopped';

export interface NodeStatus {
  readonly name: string;
  readonly release: string;
  readonly state: NodeState;
  readonly address: string;
  readonly port: number;
  readonly pid: number | undefined;
  readonly restarts: number;
  /** Where it is not that of the cluster's other nodes. */
  readonly size?: string;
  /** Why it is `failed`, or why it last restarted. */
  readonly reason?: string;
}

/** Counts of one endpoint within the last `reconfigure` interval. Times in ms, of successes; undefined where there was none. */
export interface EndpointTally {
  /** Finished, errors included. */
  readonly count: number;
  readonly errors: number;
  readonly median: number | undefined;
  readonly p90: number | undefined;
  readonly p99: number | undefined;
  readonly open: number;
  /** Median of what nodes say they took themselves; absent where none says. The rest of `median` is waiting before the app. */
  readonly own?: number;
}

/** The route map's line for one endpoint: how it has done of late, from the proxy's telemetry. */
export interface EndpointStatus extends EndpointTally {
  readonly endpoint: string;
  /** Routes that lead to it, as the manifest has them: `GET /orders/:id`. */
  readonly routes: readonly string[];
  /** From the deploy's test load, ms; undefined where the route declares no test. */
  readonly perfAvg: number | undefined;
  /** What its median may be, ms: waitMultiplier × perfAvg under the ceiling of targets. */
  readonly target: number | undefined;
  /** Requests a second. */
  readonly frequency: number;
  readonly nodes: readonly (EndpointTally & { readonly node: string })[];
}

/** How one task of the app has done of late, over the cluster's workers. Times in ms; undefined where there was none. */
export interface TaskStatus {
  readonly task: string;
  readonly count: number;
  readonly errors: number;
  /** Of successes. */
  readonly median: number | undefined;
  readonly p99: number | undefined;
  /** Mean time until a worker took it. */
  readonly wait: number | undefined;
  /** Workers that were busy with it, in the mean. */
  readonly work: number;
}

/** A proxy: which process it is, and whom it holds back. Counts are of the telemetry's window. */
export interface ProxyStatus {
  readonly pid: number | undefined;
  readonly address: string;
  readonly port: number;
  readonly restarts: number;
  /** Nobody has to wait for `maxRequests`: it is only counted who would have. */
  readonly measure: boolean;
  /** Requests that wait for a node now. */
  readonly waiting: number;
  readonly queued: number;
  /** Of those that waited, and those that could not: answered 503. */
  readonly refused: number;
  /** Malformed requests, and connections that broke off what they had to say. */
  readonly glitches: number;
  /** Nodes that get no requests while others do: ejected for their failures, or unhealthy by their checks. */
  readonly nodesOut: readonly {
    readonly node: string;
    readonly ejected: boolean;
    readonly unhealthy: boolean;
  }[];
}

export interface ClusterStatus {
  readonly name: string;
  readonly generation: number;
  /** `converged`: what runs is what the spec says. `converging`, or `failed` with the error below. */
  readonly state: 'converging' | 'converged' | 'failed';
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly found?: string;
    readonly remedy: string;
  };
  readonly activeRelease: string;
  /** Releases whose nodes all run and passed their route tests. */
  readonly readyReleases: readonly string[];
  readonly nodes: readonly NodeStatus[];
  readonly proxy: ProxyStatus;
  readonly endpoints: readonly EndpointStatus[];
  /** Absent before the agent has been told a spec. */
  readonly sizing?: SizingStatus;
  /** Where the app has workers: nodes that take tasks, and what they did. */
  readonly workers?: readonly NodeStatus[];
  readonly tasks?: readonly TaskStatus[];
}
