import { createHash } from 'node:crypto';

/** Node numbers of a cluster: 1 to this, the last byte of its nodes' addresses. */
export const MOST_NODE_NUMBER = 254;

/**
 * The loopback address of a cluster's node: each local node is a host of its own in 127/8. Two bytes come from the
 * cluster's name; clusters that share them are told apart by their ports. 127.0.x.y is left to what everyone uses.
 */
export function nodeAddress(cluster: string, number: number): string {
  const [a, b] = createHash('sha256').update(cluster).digest();
  return `127.${1 + (a! % 254)}.${b!}.${number}`;
}

/**
 * A number that none of `taken` has. Numbers go up, so that a name is not used again soon after: `last` is the one given
 * out before.
 */
export function nextNodeNumber(last: number, taken: ReadonlySet<number>): number {
  for (let step = 1; step <= MOST_NODE_NUMBER; step++) {
    const number = ((last - 1 + step) % MOST_NODE_NUMBER) + 1;
    if (!taken.has(number)) return number;
  }
  throw new RangeError(`more than ${MOST_NODE_NUMBER} nodes in a cluster`);
}
