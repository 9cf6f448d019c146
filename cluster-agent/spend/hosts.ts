import {
  DharmaError,
  messageOf,
  type ClusterConfig,
  type DharmaErrorJson,
  type Logger,
  type SpendPort,
  type SpendReply,
  type SpendRequest,
} from '../../common/index.js';
import type { Host, Provider } from '../provider/provider.js';
import {
  ceilingReached,
  claimedByAnother,
  hostMissing,
  hostStray,
  hostUnknown,
  hostUnlisted,
  priceUnknown,
} from './errors.js';

export interface HostsOptions {
  readonly cluster: string;
  /** Unique for each life of the agent: intents of two lives are never taken for one. */
  readonly session: string;
  readonly provider: Provider;
  /** The federation's purse; undefined: there is none, and everything is granted. */
  readonly spend: SpendPort | undefined;
  /** Whether what runs on a host answers: then a listing without that host is not believed. Default: nobody knows. */
  readonly answers?: (hostId: string) => boolean;
  readonly log: Logger;
}

/** What a look at money and hosts came to. */
export interface HostsLook {
  /** US dollars an hour; undefined: nobody knows. */
  readonly price: number | undefined;
  readonly ceiling: number | undefined;
  readonly faults: readonly DharmaErrorJson[];
  /** Ids of hosts that were taken and are not there. */
  readonly missing: readonly string[];
  /** Whether what is known is too little to decide on. */
  readonly hold: boolean;
}

/**
 * A cluster's hosts: each is reserved in the federation's ledger before the provider is asked for it, and given back when
 * it is gone. What costs nothing is not reserved. The provider's word is held against its own listing.
 */
export class Hosts {
  readonly #options: HostsOptions;
  readonly #taken = new Map<string, Host>();
  /** Intents of hosts that are being asked for. */
  readonly #pending = new Set<string>();
  /** Hosts that the last listing did not have: one more without them, and they are believed gone. */
  #missed: ReadonlySet<string> = new Set();
  #claimed = false;
  #count = 0;

  constructor(options: HostsOptions) {
    this.#options = options;
  }

  /**
   * One more host. Errors: CEILING_REACHED, PRICE_UNKNOWN, CLUSTER_CLAIMED, SPEND_UNREACHABLE, the provider's.
   */
  async take(config: ClusterConfig, signal: AbortSignal): Promise<Host> {
    const { cluster, provider } = this.#options;
    const intent = `${this.#intents}${++this.#count}`;
    const hourly = await this.#price(config, signal);
    this.#pending.add(intent);
    try {
      if (hourly === 0) await this.#holdCluster(signal);
      else await this.#reserve(intent, hourly, config.nodeSize, signal);
      const host = await provider.create({ intent, name: intent, cluster, size: config.nodeSize }, signal);
      this.#taken.set(host.id, host);
      if (hourly !== 0) await this.#tell({ kind: 'confirm', id: intent }, signal);
      return host;
    } finally {
      this.#pending.delete(intent);
    }
  }

  /** Gives a host back. A provider that does not answer, or a purse, is asked again by the next look. */
  async giveBack(host: Host): Promise<void> {
    const { provider, log } = this.#options;
    const { signal } = new AbortController();
    this.#taken.delete(host.id);
    try {
      await provider.destroy(host.id, signal);
      await this.#release(host.intent, signal);
    } catch (error) {
      if (!(error instanceof DharmaError)) throw error;
      log.warn({ host: host.id, error: error.toJSON() }, 'a host is not given back yet');
    }
  }

  /** Price, ceiling, and whether the provider has the hosts it said it has, no fewer and no more. */
  async look(config: ClusterConfig, signal: AbortSignal): Promise<HostsLook> {
    try {
      const price = await this.#price(config, signal);
      const reply = await this.#claim(signal);
      const found = await this.#audit(reply, signal);
      return { price, ceiling: reply?.ceiling ?? undefined, ...found, hold: false };
    } catch (error) {
      if (!(error instanceof DharmaError)) throw error;
      return { price: undefined, ceiling: undefined, faults: [error.toJSON()], missing: [], hold: true };
    }
  }

  /** What the intents of this life begin with. */
  get #intents(): string {
    return `${this.#options.cluster}-${this.#options.session}-`;
  }

  /** The config's own price, or the provider's; undefined: it has none for this size. */
  async #price({ nodeSize, prices }: ClusterConfig, signal: AbortSignal): Promise<number | undefined> {
    const own = prices[nodeSize];
    if (own !== undefined) return own;
    try {
      const { hourly } = await this.#options.provider.price(nodeSize, signal);
      return Number.isFinite(hourly) && hourly >= 0 ? hourly : undefined;
    } catch (error) {
      if (error instanceof DharmaError && error.code === 'PROVIDER_SIZE_UNKNOWN') return undefined;
      throw error;
    }
  }

  /** What costs nothing needs no purse, and is had while there is none; but of two agents that run a cluster, one makes hosts. */
  async #holdCluster(signal: AbortSignal): Promise<void> {
    try {
      await this.#claim(signal);
    } catch (error) {
      if (!(error instanceof DharmaError) || error.code !== 'SPEND_UNREACHABLE') throw error;
    }
  }

  async #reserve(id: string, hourly: number | undefined, size: string, signal: AbortSignal): Promise<void> {
    const { spend, cluster, provider } = this.#options;
    if (spend === undefined) return;
    await this.#claim(signal);
    if (hourly === undefined) {
      const { ceiling } = await spend.tell({ kind: 'look' }, signal);
      if (ceiling === null) return;
      throw priceUnknown(size);
    }
    const reserved = await spend.tell({ kind: 'reserve', id, hourly }, signal);
    if (reserved.outcome === 'superseded') throw claimedByAnother(cluster);
    if (reserved.outcome !== 'granted') throw ceilingReached(cluster, hourly, reserved.ceiling);
    const begun = await spend.tell({ kind: 'create', id, withinMs: provider.createWithinMs }, signal);
    if (begun.outcome !== 'granted') throw ceilingReached(cluster, hourly, begun.ceiling);
  }

  /**
   * The first word of a life takes the cluster over from an agent that may still run, and has the ledger know what an
   * earlier life left: what is gone must not keep this one from what it needs.
   */
  async #claim(signal: AbortSignal): Promise<SpendReply | undefined> {
    const { spend, cluster } = this.#options;
    if (spend === undefined) return undefined;
    const reply = await spend.tell({ kind: this.#claimed ? 'look' : 'claim' }, signal);
    if (reply.outcome === 'superseded') throw claimedByAnother(cluster);
    if (!this.#claimed) await this.#audit(reply, signal);
    this.#claimed = true;
    return reply;
  }

  async #audit(
    reply: SpendReply | undefined,
    signal: AbortSignal,
  ): Promise<Pick<HostsLook, 'faults' | 'missing'>> {
    const { provider, cluster } = this.#options;
    const before = [...this.#taken.values()];
    const listed = await provider.list(cluster, signal);
    const ids = new Set(listed.map(({ id }) => id));
    const unlisted = before.filter(({ id }) => this.#taken.has(id) && !ids.has(id));
    const doubted = unlisted.filter(({ id }) => this.#options.answers?.(id) === true);
    const missed = unlisted.filter((host) => !doubted.includes(host));
    const gone = missed.filter(({ id }) => this.#missed.has(id));
    this.#missed = new Set(missed.map(({ id }) => id));
    const others = listed.filter(({ id, intent }) => !this.#taken.has(id) && !this.#pending.has(intent));
    // What another life asked for may have requests on it.
    const strays = others.filter(({ intent }) => intent.startsWith(this.#intents));
    const unknown = others.filter((host) => !strays.includes(host));
    for (const { id } of strays) await provider.destroy(id, signal);
    if (reply !== undefined && reply.counted.length > 0) {
      // What answers is there, and is paid for.
      const there = [...listed.filter((host) => !strays.includes(host)), ...doubted];
      const hosts = there.map(({ intent }) => intent);
      await this.#tell({ kind: 'listing', askedAt: reply.now, hosts }, signal);
    }
    const faults = [
      ...(gone.length > 0 ? [hostMissing(provider.name, gone)] : []),
      ...(doubted.length > 0 ? [hostUnlisted(provider.name, doubted)] : []),
      ...(strays.length > 0 ? [hostStray(provider.name, strays)] : []),
      ...(unknown.length > 0 ? [hostUnknown(provider.name, unknown)] : []),
    ];
    return { faults, missing: gone.map(({ id }) => id) };
  }

  async #release(id: string, signal: AbortSignal): Promise<void> {
    await this.#tell({ kind: 'release', id }, signal);
  }

  /** What may be told later as well: the next listing says the same. */
  async #tell(request: SpendRequest, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.spend?.tell(request, signal);
    } catch (error) {
      this.#options.log.warn({ request, error: messageOf(error) }, 'the ledger was not told; a listing will');
    }
  }
}
