import { AgentClient, agentSocket } from '../../cluster-agent/index.js';
import type { Logger } from '../../common/index.js';
import type { Home } from '../home/home.js';

/** The agents of this machine's clusters, over their unix sockets. The owner must `close()` it. */
export class Agents {
  readonly #home: Home;
  readonly #log: Logger;
  readonly #clients = new Map<string, AgentClient>();

  constructor(home: Home, log: Logger) {
    this.#home = home;
    this.#log = log;
  }

  client(cluster: string): AgentClient {
    let client = this.#clients.get(cluster);
    if (client === undefined) {
      client = new AgentClient({ dir: this.#home.cluster(cluster), log: this.#log });
      this.#clients.set(cluster, client);
    }
    return client;
  }

  socket(cluster: string): string {
    return agentSocket(this.#home.cluster(cluster));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }
}
