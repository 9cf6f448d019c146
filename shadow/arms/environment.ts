import { recordedUrl, type ArmName, type Release } from '../../common/index.js';
import type { GuardDoor } from '../guard/guard.js';
import type { Enforcement } from './enforcement.js';

/** Ports inside a jail: every arm has its own loopback, so that they are the same in all, and no answer shows a difference. */
export const INNER_PORTS = { mongo: 27017, redis: 6379, firstDoor: 7001 } as const;

/** `host:port` at which an arm's app finds each thing. */
export interface ArmAddresses {
  readonly mongo: string | undefined;
  readonly redis: string | undefined;
  /** Destination (env variable) → address of the guard's door for it. */
  readonly doors: Readonly<Record<string, string>>;
}

/** Where things are inside a jail. */
export function addressesInJail(
  doors: readonly GuardDoor[],
  has: { mongo: boolean; redis: boolean },
): ArmAddresses {
  return {
    mongo: has.mongo ? `127.0.0.1:${INNER_PORTS.mongo}` : undefined,
    redis: has.redis ? `127.0.0.1:${INNER_PORTS.redis}` : undefined,
    doors: Object.fromEntries(
      doors.map(({ destination }, i) => [destination, `127.0.0.1:${INNER_PORTS.firstDoor + i}`]),
    ),
  };
}

export interface ArmEnvironmentInput {
  readonly arm: ArmName;
  readonly release: Release;
  readonly addresses: ArmAddresses;
  /** Live's URIs and URLs: their paths (database, base path) stay, their addresses do not. */
  readonly live: { readonly mongo?: string; readonly redis?: string };
  readonly outbound: Readonly<Record<string, string>>;
  /** What live's nodes have besides. */
  readonly env: Readonly<Record<string, string>>;
  readonly enforcement: Enforcement;
  readonly guardLog: string;
  /** Where the app's writes to its stores are noted. */
  readonly writesLog: string;
}

/** The env of an arm's app: as live's, with its own stores, the guard for the world, and what the preloads need. Pure. */
export function armEnvironment(input: ArmEnvironmentInput): Record<string, string> {
  const { addresses, live, release } = input;
  const { stores } = release.manifest;
  return {
    ...input.env,
    ...(addresses.mongo === undefined ? {} : { [stores.mongo]: mirrorUri(live.mongo, addresses.mongo) }),
    ...(addresses.redis === undefined ? {} : { [stores.redis]: mirrorUri(live.redis, addresses.redis) }),
    ...Object.fromEntries(
      Object.entries(addresses.doors).map(([name, address]) => [
        name,
        recordedUrl(address, input.outbound[name]),
      ]),
    ),
    ...tasksEnvironment(input.env.DHARMA_TASKS_REDIS, addresses.redis),
    DHARMA_OUTBOUND: Object.values(addresses.doors).join(','),
    // Old and new of one letter share their randomness; the two letters show what is random at all.
    DHARMA_SEED: input.arm.slice(-1),
    DHARMA_GUARD_MODE: input.enforcement === 'namespace' ? 'jail' : 'deny',
    DHARMA_GUARD_ALLOW: [addresses.mongo, addresses.redis, ...Object.values(addresses.doors)]
      .filter((address) => address !== undefined)
      .join(','),
    DHARMA_GUARD_LOG: input.guardLog,
    DHARMA_WRITES_STORES: Object.entries({ mongo: addresses.mongo, redis: addresses.redis })
      .flatMap(([name, address]) => (address === undefined ? [] : [`${name}=${address.split(':').at(-1)}`]))
      .join(','),
    DHARMA_WRITES_LOG: input.writesLog,
  };
}

/**
 * Tasks of `dharma/tasks`: what waits in live's queues and comes due by live's crons is live's to do, and an arm's library
 * must not find live's Redis whatever env names it.
 */
function tasksEnvironment(live: string | undefined, redis: string | undefined): Record<string, string> {
  if (live === undefined) return { DHARMA_TASKS_COPY: '1' };
  return { DHARMA_TASKS_COPY: '1', DHARMA_TASKS_REDIS: mirrorUri(live, redis ?? NOWHERE) };
}

/** Where nobody listens. */
const NOWHERE = '127.0.0.1:1';

/**
 * Live's URI at the mirror's address: its database stays, its account, TLS and replica set do not, since the mirror has
 * none of them.
 */
export function mirrorUri(live: string | undefined, address: string): string {
  const [, scheme = 'mongodb', path = ''] = /^([a-z+]+):\/\/[^/?]*(\/[^?]*)?/.exec(live ?? '') ?? [];
  return `${scheme.startsWith('redis') ? 'redis' : 'mongodb'}://${address}${path}`;
}
