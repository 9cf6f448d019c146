import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { baseEnv, distPath, freePort, Supervised, waitForAccept, type Logger } from '../../common/index.js';
import type { Home } from '../home/home.js';
import type { Runtime } from '../home/runtime.js';
import type { Settings } from '../home/settings.js';
import { childState } from './family.js';
import type { ChildState } from './protocol.js';

type Uris = Pick<Runtime, 'stores' | 'app' | 'mongoKind'>;

/** The stores of a federation: given by URI, else servers of its own. */
export class FederationStores {
  readonly #home: Home;
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #children: { name: string; supervised: Supervised }[] = [];

  constructor(home: Home, settings: Settings, log: Logger) {
    this.#home = home;
    this.#settings = settings;
    this.#log = log;
  }

  async start(signal: AbortSignal): Promise<Uris> {
    const [mongo, redis, appRedis] = await Promise.all([
      this.#embedded(signal),
      this.#redis('redis', signal),
      this.#redis('redis-app', signal),
    ]);
    const { stores, app } = this.#settings;
    return {
      stores: { mongo: stores.mongo ?? `${mongo}/dharma`, redis: stores.redis ?? redis },
      app: { mongo: app.mongo ?? `${mongo}/app`, redis: app.redis ?? appRedis },
      mongoKind: 'embedded',
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(({ supervised }) => supervised.stop(10_000)));
  }

  state(): ChildState[] {
    return this.#children.map(({ name, supervised }) => childState(name, supervised));
  }

  async #redis(name: string, signal: AbortSignal): Promise<string> {
    const dir = join(this.#home.storesDir, name);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const port = await freePort();
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--save', ''];
    await this.#run(name, 'redis-server', args, port, signal);
    return `redis://127.0.0.1:${port}`;
  }

  async #embedded(signal: AbortSignal): Promise<string> {
    const dir = join(this.#home.storesDir, 'mongo');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const port = await freePort();
    const main = distPath('common/stores/embedded-mongo/main.js');
    await this.#run('mongo', process.execPath, [main, '--dir', dir, '--port', String(port)], port, signal);
    return `mongodb://127.0.0.1:${port}`;
  }

  async #run(name: string, command: string, args: string[], port: number, signal: AbortSignal): Promise<void> {
    const supervised = new Supervised({
      spec: () => ({ name, command, args, env: baseEnv(), logFile: this.#home.log(name) }),
      log: this.#log,
    });
    this.#children.push({ name, supervised });
    await waitForAccept({ host: '127.0.0.1', port }, AbortSignal.any([signal, AbortSignal.timeout(30_000)]));
  }
}
