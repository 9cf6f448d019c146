import { lookup } from 'node:dns/promises';
import { messageOf, withDeadline, type Logger } from '../../common/index.js';
import type { EdgeAssetSettings } from '../home/settings.js';

/** As the operator says where assets come from. */
export type Origin = NonNullable<EdgeAssetSettings['origins']>[number];

/** One server of the store. */
export interface OriginServer {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly serverName?: string;
}

/** How often names are looked up again, ms: what stores' names say holds for a minute or so, and asking costs little. */
const LOOK_MS = 30_000;
/** How long a start waits for a name server, ms; what comes later is taken then. */
const START_MS = 5000;

/** The servers that origins are, by what their names have been found to be. Pure. */
export function serversOf(
  origins: readonly Origin[],
  found: ReadonlyMap<string, readonly string[]>,
): OriginServer[] {
  const servers = origins.flatMap(({ address, host, port, tls, serverName = host }) =>
    (address === undefined ? (found.get(host!) ?? []) : [address]).map((one) => ({
      address: one,
      port,
      tls,
      ...(serverName === undefined ? {} : { serverName }),
    })),
  );
  const keys = servers.map(({ address, port }) => `${address} ${port}`);
  return servers.filter((_, i) => keys.indexOf(keys[i]!) === i);
}

/**
 * Addresses of origins that are given by name. What was found last holds while a name server does not answer. Tells when
 * something has changed. The owner must `close()` it.
 */
export class OriginAddresses {
  readonly #origins: readonly Origin[];
  readonly #onChange: () => void;
  readonly #log: Logger;
  readonly #resolve: (host: string) => Promise<readonly string[]>;
  readonly #lookMs: number;
  readonly #found = new Map<string, readonly string[]>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: {
    readonly origins: readonly Origin[];
    readonly onChange: () => void;
    readonly log: Logger;
    /** All addresses of a name. */
    readonly resolve?: (host: string) => Promise<readonly string[]>;
    readonly lookMs?: number;
  }) {
    this.#origins = options.origins;
    this.#onChange = options.onChange;
    this.#log = options.log;
    this.#resolve = options.resolve ?? addressesOf;
    this.#lookMs = options.lookMs ?? LOOK_MS;
  }

  get servers(): readonly OriginServer[] {
    return serversOf(this.#origins, this.#found);
  }

  /** Looks all names up; one that cannot be found is told in the log, and looked up again. */
  async open(): Promise<void> {
    const hosts = [...new Set(this.#origins.flatMap(({ host }) => host ?? []))];
    if (hosts.length === 0) return;
    const look = this.#look(hosts);
    let isLate = false;
    try {
      await withDeadline(START_MS, undefined, (signal) => Promise.race([look, abortOf(signal)]));
    } catch (error) {
      isLate = true;
      this.#log.warn(
        { hosts, error: messageOf(error) },
        'the names of origins of assets are still looked up',
      );
    }
    void this.#goOn(hosts, look, isLate);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** One look after the other, however long they take. Never rejects: a look does not. */
  async #goOn(hosts: readonly string[], first: Promise<boolean>, isLate: boolean): Promise<void> {
    for (let look = first; !this.#closed; look = this.#look(hosts)) {
      if ((await look) && (look !== first || isLate) && !this.#closed) this.#onChange();
      await new Promise<void>((resolve) => {
        this.#timer = setTimeout(resolve, this.#lookMs).unref();
        if (this.#closed) resolve();
      });
    }
  }

  /** Resolves with whether anything has changed. */
  async #look(hosts: readonly string[]): Promise<boolean> {
    const changes = await Promise.all(hosts.map((host) => this.#lookOne(host)));
    return changes.includes(true);
  }

  async #lookOne(host: string): Promise<boolean> {
    try {
      // Their order is the name server's, and says nothing.
      const addresses = [...new Set(await this.#resolve(host))].sort();
      if (addresses.length === 0 || addresses.join() === this.#found.get(host)?.join()) return false;
      this.#found.set(host, addresses);
      return true;
    } catch (error) {
      this.#log.warn({ host, error: messageOf(error) }, 'the name of an origin of assets was not found');
      return false;
    }
  }
}

const abortOf = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

const addressesOf = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);
