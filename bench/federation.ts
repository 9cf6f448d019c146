import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Child,
  baseEnv,
  distPath,
  freePort,
  packageRoot,
  systemClock,
  waitForAccept,
  type ClusterConfigInput,
} from '../common/index.js';
import { FederationClient } from '../federator/client/client.js';
import { Home } from '../federator/home/home.js';
import type { LoadResult } from './load.js';

/** Stores, federator and a cluster of the shop come up within this, ms; installing a release is most of it. */
const UP_MS = 180_000;
/** A federation takes its clusters down in order. */
const DOWN_MS = 30_000;
const POLL_MS = 250;

/** What `federate` ended with. */
interface Told {
  readonly exitCode: number;
  readonly data: unknown;
}

/** A whole federation with one cluster, driven by `federate` as a user would. The owner must `stop()` it. */
export class Federation {
  readonly #home: string;
  #children: Child[] = [];
  #federation: Child | undefined;
  edgeUrl = '';

  private constructor(
    private readonly folder: string,
    private readonly app: string,
    private readonly config: ClusterConfigInput,
  ) {
    this.#home = join(folder, 'home');
  }

  /** `app`: the folder of the app it runs; `config`: over that of the example's cluster `blue`. */
  static async start(
    folder: string,
    app = join(packageRoot, 'examples', 'shop'),
    config: ClusterConfigInput = {},
  ): Promise<Federation> {
    const federation = new Federation(folder, app, config);
    try {
      await federation.#start();
      return federation;
    } catch (error) {
      await federation.stop();
      throw error;
    }
  }

  /** Its API, for what is timed: a process for each command would be most of it. */
  client(): Promise<FederationClient> {
    return FederationClient.connect(new Home(this.#home));
  }

  /** Of the federation's first process; all others are below it. */
  get pids(): readonly number[] {
    return this.#federation === undefined ? [] : [this.#federation.pid];
  }

  /** `federate ARGS --json`. @throws Error when it ends with a code that is not among `accept`. */
  async cli(args: readonly string[], accept: readonly number[] = [0]): Promise<Told> {
    const child = execFile(process.execPath, [
      distPath('federator/cli/main.js'),
      ...args,
      '--home',
      this.#home,
      '--json',
    ]);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (text: string) => (stdout += text));
    child.stderr?.on('data', (text: string) => (stderr += text));
    const [code] = (await once(child, 'close')) as [number | null];
    const exitCode = code ?? -1;
    if (!accept.includes(exitCode))
      throw new Error(`federate ${args.join(' ')} ended with ${exitCode}: ${stdout}${stderr}`);
    return { exitCode, data: stdout.trim() === '' ? undefined : JSON.parse(stdout) };
  }

  /** Takes everything down; what is left is killed. */
  async stop(): Promise<void> {
    for (const child of this.#children.reverse()) await child.stop(DOWN_MS);
    this.#children = [];
  }

  async #start(): Promise<void> {
    await mkdir(this.#home, { recursive: true, mode: 0o700 });
    const payment = await this.#startPayment();
    const cli = distPath('federator/cli/main.js');
    const flags = ['--foreground', '--edge-port', '0', '--api-port', '0', '--home', this.#home];
    this.#federation = await this.#spawn('federation', [cli, 'up', ...flags]);
    this.edgeUrl = await this.#whenUp();
    const example = join(packageRoot, 'examples', 'clusters', 'blue.json');
    const config = JSON.parse(await readFile(example, 'utf8')) as { readonly env?: Record<string, string> };
    const file = join(this.folder, 'blue.json');
    await writeFile(
      file,
      JSON.stringify({ ...config, ...this.config, env: { ...config.env, PAYMENT_URL: payment } }),
    );
    await this.cli(['add-cluster', 'blue', '--config', file, '--app', this.app]);
  }

  async #startPayment(): Promise<string> {
    const port = await freePort();
    const script = join(packageRoot, 'examples', 'payment-stub', 'main.js');
    await this.#spawn('payment', [script], { HOST: '127.0.0.1', PORT: String(port) });
    await waitForAccept({ host: '127.0.0.1', port }, AbortSignal.timeout(UP_MS));
    return `http://127.0.0.1:${port}`;
  }

  async #spawn(
    name: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Child> {
    const child = await Child.start({
      name,
      command: process.execPath,
      args,
      env: { ...baseEnv(), ...env },
      logFile: join(this.folder, `${name}.log`),
    });
    this.#children.push(child);
    return child;
  }

  /** The edge's URL, once the federation answers. */
  async #whenUp(): Promise<string> {
    const giveUpAt = performance.now() + UP_MS;
    while (performance.now() < giveUpAt && this.#federation?.exit === undefined) {
      const told = await this.cli(['status'], [0, 1, 2, 3, 4]);
      const status = told.data as { readonly edge?: { readonly url?: string } } | undefined;
      if (status?.edge?.url !== undefined) return status.edge.url;
      await systemClock.sleep(POLL_MS);
    }
    const log = await readFile(join(this.folder, 'federation.log'), 'utf8');
    throw new Error(`the federation did not come up: ${log.slice(-2000)}`);
  }
}

/** What examples/traffic.mjs tells at its end; latencies in ms. */
interface TrafficReport {
  readonly requests: number;
  readonly failures: number;
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
}

/** Visitors of the shop for about `seconds`: sessions with logins, carts and orders. `rate`: requests a second. */
export async function visit(url: string, rate: number, seconds: number): Promise<LoadResult> {
  const script = join(packageRoot, 'examples', 'traffic.mjs');
  const args = [script, '--url', url, '--rate', String(rate), '--seconds', String(seconds)];
  const started = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  const report = JSON.parse(output.trim().split('\n').at(-1) ?? '') as TrafficReport;
  return {
    requests: report.requests,
    seconds: (performance.now() - started) / 1000,
    errors: report.failures,
    p50: (report.latencyMs.p50 ?? 0) * 1000,
    p99: (report.latencyMs.p99 ?? 0) * 1000,
  };
}
