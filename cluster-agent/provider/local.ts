import { MOST_NODE_NUMBER, nextNodeNumber, nodeAddress } from '../node/address.js';
import { notBuiltYet, type Host, type HostIntent, type HostPrice, type Provider } from './provider.js';

/**
 * This machine as a provider: a host is an address in 127/8, so that a cluster's nodes are told apart as machines would
 * be. It costs nothing and is gone with the process.
 */
export class LocalProvider implements Provider {
  readonly name = 'local';
  readonly createWithinMs = 0;
  readonly #hosts = new Map<string, Host & { readonly cluster: string; readonly number: number }>();
  #last = MOST_NODE_NUMBER;

  async create({ intent, name, cluster, size }: HostIntent): Promise<Host> {
    const before = [...this.#hosts.values()].find((host) => host.intent === intent);
    if (before !== undefined) return before;
    const taken = [...this.#hosts.values()]
      .filter((host) => host.cluster === cluster)
      .map(({ number }) => number);
    const number = nextNodeNumber(this.#last, new Set(taken));
    this.#last = number;
    const address = nodeAddress(cluster, number);
    const host = { id: address, name, address, size, state: 'active' as const, intent, cluster, number };
    this.#hosts.set(host.id, host);
    return host;
  }

  async destroy(hostId: string): Promise<void> {
    this.#hosts.delete(hostId);
  }

  async list(cluster: string): Promise<readonly Host[]> {
    return [...this.#hosts.values()].filter((host) => host.cluster === cluster);
  }

  async price(size: string): Promise<HostPrice> {
    return { size, hourly: 0, monthly: 0 };
  }

  async moveAddress(): Promise<void> {
    throw notBuiltYet(
      'moving an address between hosts of this machine',
      'It comes with the passive edge (high availability). Until then a local cluster keeps its addresses.',
    );
  }
}
