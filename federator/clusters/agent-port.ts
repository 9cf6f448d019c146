import type {
  ClusterSpec,
  ClusterStatus,
  ProxyIdentity,
  SizeQuestion,
  SizingExplanation,
} from '../../common/index.js';

/** An agent as the federator sees it. Errors: NOT_ANSWERING while it is not up, SPEC_OUTDATED for an older generation. */
export interface AgentPort {
  putSpec(spec: ClusterSpec, signal: AbortSignal): Promise<void>;
  status(signal: AbortSignal): Promise<ClusterStatus>;
  /** Error: NOTHING_DECIDED. */
  explanation(of: SizeQuestion, signal: AbortSignal): Promise<SizingExplanation>;
  /** Puts another process in its proxy's place. Error: PROXY_NOT_RUNNING. */
  replaceProxy(signal: AbortSignal): Promise<ProxyIdentity>;
}
