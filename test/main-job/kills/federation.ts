import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../common/index.js';
import type { FederationStatus } from '../../../federator/api/schemas.js';
import { FederationClient } from '../../../federator/client/client.js';
import { SupervisorClient } from '../../../federator/daemon/client.js';
import type { SupervisorState } from '../../../federator/daemon/protocol.js';
import { Home } from '../../../federator/home/home.js';
import { readRuntime, writeRuntime } from '../../../federator/home/runtime.js';
import { FREE_PORTS, sandbox, type Sandbox } from '../../cli/support.js';
import { JournalRelay } from './journal-relay.js';
import { below, killNow, processesOf, programOf, type Process } from './processes.js';
import { CLUSTERS } from './steps.js';

/** Whom a kill meets. The stores are dharma's own here: `mongo` (state and app), `redis` (queues), `redis-app`. */
export const VICTIMS = [
  'federator',
  'agent',
  'proxy',
  'edge',
  'worker',
  'comparer',
  'arm',
  'mirror store',
  'mongo',
  'redis',
  'redis-app',
  'supervisor',
] as const;
export type Victim = (typeof VICTIMS)[number];

/** Says the release's word at every path, and logs what it was asked for. */
const APP = `
import { createServer } from 'node:http';
createServer((request, response) => {
  console.log('asked for ' + request.url);
  response.end(process.env.WORD + ' ' + process.pid);
})
  .listen(Number(process.env.PORT), process.env.HOST);
process.once('SIGTERM', () => process.exit(0));
`;

/** A real federation with two clusters, whose federator reads and writes its journal through a relay. */
export class KilledFederation {
  readonly #box: Sandbox;
  #ports: readonly string[] = FREE_PORTS;
  #relay: JournalRelay | undefined;
  id = '';
  url = '';

  private constructor(box: Sandbox) {
    this.#box = box;
  }

  static async start(): Promise<KilledFederation> {
    const federation = new KilledFederation(await sandbox());
    try {
      await federation.up();
      await federation.#addClusters();
      return federation;
    } catch (error) {
      await federation.close();
      throw error;
    }
  }

  get home(): Home {
    return new Home(this.#box.home);
  }

  get relay(): JournalRelay {
    return this.#relay!;
  }

  /** Brings it up (again), and puts the relay before its journal. */
  async up(): Promise<void> {
    const result = await this.#box.run('up', ...this.#ports);
    if (result.code !== 0) throw new Error(`federate up: ${result.out}${result.err}`);
    const runtime = await readRuntime(this.home);
    this.id = runtime.federation;
    // Visitors and client find it where it was.
    this.#ports = ['--edge-port', String(runtime.edge.port), '--api-port', String(runtime.api.port)];
    this.url = `http://127.0.0.1:${runtime.edge.port}/`;
    const mongo = new URL(runtime.stores.mongo);
    await this.#relay?.close();
    this.#relay = await JournalRelay.start({ host: mongo.hostname, port: Number(mongo.port) });
    mongo.port = String(this.#relay.port);
    await writeRuntime(this.home, { ...runtime, stores: { ...runtime.stores, mongo: mongo.href } });
    // The next life of the federator reads where the journal is.
    const { federator } = await this.supervisor();
    await killNow(programOf(federator.pid!, this.processes()));
    await this.answers();
  }

  client(): Promise<FederationClient> {
    return FederationClient.connect(this.home);
  }

  supervisor(): Promise<SupervisorState> {
    return new SupervisorClient(this.home).state();
  }

  processes(): Process[] {
    return processesOf(this.id);
  }

  /** Its status, once a federator answers that holds the lease. */
  async answers(): Promise<FederationStatus> {
    const deadline = AbortSignal.timeout(120_000);
    const client = await this.client();
    for (;;) {
      try {
        return await client.status(deadline);
      } catch {
        await systemClock.sleep(50, deadline);
      }
    }
  }

  /** A new app that says `word`. */
  app(word: string): Promise<string> {
    return this.#box.app(`app-${word}`, APP, {
      name: 'tiny',
      env: { WORD: word },
      routes: [{ pattern: '/', test: { path: '/' } }, { pattern: '/n/:n' }],
    });
  }

  /** Kills it. False when there is none: no shadow runs. */
  async kill(victim: Victim): Promise<boolean> {
    const pid = await this.#find(victim);
    if (pid === undefined) return false;
    await killNow(pid);
    return true;
  }

  /** Arm → the numbered pages that its app was asked for, in the life of the worker that runs or ran last. */
  async askedOfArms(): Promise<ReadonlyMap<string, readonly string[]>> {
    const asked = new Map<string, readonly string[]>();
    const files = await readdir(this.home.shadowDir, { recursive: true }).catch(() => []);
    // Arms in which parts of the update are tried are asked again on purpose.
    for (const file of files.filter((one) => /\/work\/[^/]+\/app\.log$/.test(one))) {
      const log = await readFile(join(this.home.shadowDir, file), 'utf8').catch(() => '');
      asked.set(
        file,
        [...log.matchAll(/asked for (\/n\/\d+)\n/g)].map(([, page]) => page!),
      );
    }
    return asked;
  }

  async logs(): Promise<string> {
    const names = ['federator', 'dharmad'];
    const texts = await Promise.all(
      names.map((name) => readFile(join(this.home.logsDir, `${name}.log`), 'utf8').catch(() => '')),
    );
    return texts.map((text) => text.slice(-6000)).join('\n----\n');
  }

  async close(): Promise<void> {
    await this.#box.close();
    await this.#relay?.close();
  }

  async #addClusters(): Promise<void> {
    const signal = AbortSignal.timeout(120_000);
    const client = await this.client();
    for (const name of CLUSTERS) {
      const config = { nodes: 1, measure: false };
      await client.follow(
        await client.addCluster({ name, config, app: await this.app('old') }, signal),
        () => undefined,
        signal,
      );
    }
  }

  async #find(victim: Victim): Promise<number | undefined> {
    const state = await this.supervisor();
    const all = this.processes();
    const program = (pid: number | undefined): number | undefined =>
      pid === undefined ? undefined : programOf(pid, all);
    const [worker] = state.workers;
    const [agent] = state.agents;
    const under = (pid: number | undefined, wanted: (process: Process) => boolean): number | undefined =>
      pid === undefined
        ? undefined
        : below(pid, all).find((process) => !process.command.includes('dharma-run') && wanted(process))?.pid;
    switch (victim) {
      case 'supervisor':
        return state.pid;
      case 'federator':
        return program(state.federator.pid);
      case 'edge':
        return program(state.edge.pid);
      case 'agent':
        return program(agent?.pid);
      case 'proxy':
        return under(agent?.pid, ({ command }) => command.includes('dharma-proxy'));
      case 'worker':
        return program(worker?.pid);
      case 'comparer':
        return under(program(worker?.pid), ({ command }) => command.includes('shadow-worker/compare.js'));
      case 'arm':
        return under(
          program(worker?.pid),
          ({ command }) => /main\.js$/.test(command) && !command.includes('mongo'),
        );
      case 'mirror store':
        return under(program(worker?.pid), ({ command }) => /redis-server|mongo/.test(command));
      default:
        return program(state.stores.find(({ name }) => name === victim)?.pid);
    }
  }
}
