/** How the proxy's node list follows the plan: who gets requests, who finishes what he has, who is not listed. */
export interface Listed {
  readonly name: string;
  readonly state: 'active' | 'drain';
  /** For one that drains: when (monotonic ms) it has had its time. */
  readonly until?: number;
}

/**
 * The next node list. A node that loses the traffic drains: it stays listed, without new requests, until nothing is open
 * on it or its time is over. Pure.
 */
export function nextListing(
  listed: readonly Listed[],
  change: {
    /** Nodes that get requests. */
    readonly traffic: readonly string[];
    /** Nodes whose process runs; one that has ended is not drained. */
    readonly running: readonly string[];
    /** Whether nothing is open on a node that drains. */
    readonly isIdle: (name: string) => boolean;
    readonly drainMs: number;
    readonly now: number;
  },
): Listed[] {
  const active = change.traffic.map((name): Listed => ({ name, state: 'active' }));
  const draining = listed
    .filter(({ name }) => !change.traffic.includes(name) && change.running.includes(name))
    .map((node): Listed => (node.state === 'drain' ? node : drain(node.name, change.now + change.drainMs)))
    .filter(({ name, until }) => until! > change.now && !(wasDraining(listed, name) && change.isIdle(name)));
  return [...active, ...draining];
}

function drain(name: string, until: number): Listed {
  return { name, state: 'drain', until };
}

/** Only a telling that is younger than the draining's begin counts, so the first round never ends it. */
function wasDraining(listed: readonly Listed[], name: string): boolean {
  return listed.some((node) => node.name === name && node.state === 'drain');
}
