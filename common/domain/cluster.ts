import type { ClusterConfig } from '../config/cluster.js';
import type { Release } from './release.js';

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
  /** Why it is `failed`, or why it last restarted. */
  readonly reason?: string;
}

/** How one endpoint has done of late, from the proxy's telemetry. Times in ms. */
export interface EndpointStatus {
  readonly endpoint: string;
  /** From the deploy's test load; undefined where the route declares no test. */
  readonly perfAvg: number | undefined;
  readonly count: number;
  readonly errors: number;
  readonly median: number | undefined;
  readonly p99: number | undefined;
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
  readonly proxy: {
    readonly pid: number | undefined;
    readonly address: string;
    readonly port: number;
    readonly restarts: number;
  };
  readonly endpoints: readonly EndpointStatus[];
}
