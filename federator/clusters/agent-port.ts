import type { ClusterSpec, ClusterStatus } from '../../common/index.js';

/** An agent as the federator sees it. Errors: NOT_ANSWERING while it is not up, SPEC_OUTDATED for an older generation. */
export interface AgentPort {
  putSpec(spec: ClusterSpec, signal: AbortSignal): Promise<void>;
  status(signal: AbortSignal): Promise<ClusterStatus>;
}
