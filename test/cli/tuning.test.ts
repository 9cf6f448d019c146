import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../common/index.js';
import { FederationClient } from '../../federator/client/client.js';
import { SupervisorClient } from '../../federator/daemon/client.js';
import { Home } from '../../federator/home/home.js';
import { killNow, processesOf, programOf } from '../main-job/kills/processes.js';
import { sandbox, until, type Sandbox } from './support.js';

const CONFIG = { nodes: 1, minNodes: 1, maxNodes: 2, measure: false, reconfigure: '1s', drainTimeout: '1s' };
const DEADLINE_MS = 300_000;
/** What a busy machine needs for any one of the waits below. */
const WAIT_MS = 100_000;

/** Says the word that its env tells. */
const APP = `
import { createServer } from 'node:http';
createServer((request, response) => response.end(process.env.WORD ?? 'old'))
  .listen(Number(process.env.PORT), process.env.HOST);
process.once('SIGTERM', () => process.exit(0));
`;

let box: Sandbox;
let client: FederationClient;
let visitor: { stop(): Promise<readonly string[]> };
beforeAll(async () => {
  box = await sandbox();
  await box.up();
  client = await FederationClient.connect(new Home(box.home));
  // Read again while it runs: blocks are as short as the clusters' own intervals then.
  const file = new Home(box.home).settingsFile;
  const settings = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...settings, tuning: { reconfigure: false } }));
  const app = await box.app('app', APP, { name: 'tiny', routes: [{ pattern: '/', test: { path: '/' } }] });
  for (const [name, waitMultiplier] of [
    ['blue', 2],
    ['green', 4],
  ] as const)
    await end(client.addCluster({ name, config: { ...CONFIG, waitMultiplier }, app }, soon()));
  visitor = visit((await client.status(soon())).edge.url);
}, DEADLINE_MS);
afterAll(async () => {
  await visitor?.stop();
  await box?.close();
});

const soon = (): AbortSignal => AbortSignal.timeout(WAIT_MS);

async function end(operation: Promise<string>): Promise<void> {
  await client.follow(await operation, () => undefined, soon());
}

/** One who asks now and then, until it is stopped; tells what failed. */
function visit(url: string): typeof visitor {
  const stop = new AbortController();
  const failed: string[] = [];
  const asking = (async () => {
    while (!stop.signal.aborted) {
      const answer = await fetch(url).catch((error: unknown) => String(error));
      if (typeof answer === 'string' || answer.status !== 200)
        failed.push(typeof answer === 'string' ? answer : String(answer.status));
      else await answer.text();
      await systemClock.sleep(20);
    }
  })();
  return {
    stop: async () => {
      stop.abort();
      await asking;
      return failed;
    },
  };
}

const tuning = () => client.tuning(soon());
const configs = async () => (await client.status(soon())).clusters.map(({ config }) => config);

it(
  'tuning goes on with its trial after the federator was killed, and gives back what there was',
  async () => {
    expect(await tuning()).toMatchObject({ on: false });
    await box.done('tuning', 'on');
    const begun = await until(tuning, ({ trial }) => (trial?.compared ?? 0) >= 1);
    const { trial } = begun;
    expect(begun.best).toMatchObject({ waitMultiplier: 2 });
    expect(trial).toMatchObject({ what: 'waitMultiplier 2 → 4', because: 'green came with it' });
    const { federator } = await new SupervisorClient(new Home(box.home)).state();
    await killNow(programOf(federator.pid!, processesOf((await client.status(soon())).federation)));
    const after = await until(tuning, (view) => (view.trial?.compared ?? 0) > trial!.compared);
    expect(after).toMatchObject({ on: true, trial: { id: trial!.id } });
    const { out } = await box.run('tuning', 'status');
    expect(out).toContain('waitMultiplier 2 → 4 (green came with it)');
    await box.done('tuning', 'off', '--restore');
    await until(configs, (found) => found.map(({ waitMultiplier }) => waitMultiplier).join() === '2,4');
    await until(
      () => client.status(soon()),
      ({ health }) => health === 'ok',
    );
  },
  DEADLINE_MS,
);

it(
  'a config is rehearsed in a shadow, during which nothing is tuned, promoted, and rolled back',
  async () => {
    await client.orderTuning({ order: 'on' }, soon());
    const config = await box.file('new.json', {
      ...{ ...CONFIG, waitMultiplier: 2, env: { WORD: 'new' } },
      ...{ nodeSize: 'large', sizes: { large: { cpus: 1, memory: '1GB' } } },
    });
    const started = await box.run(
      ...['shadow', 'start', '--config', config, '--cluster', 'blue', '--arms', '1x1', '--unguarded'],
    );
    expect(started, started.err).toMatchObject({ code: 0 });
    const upgrade = await client.upgrade('current', soon());
    expect(upgrade).toMatchObject({ kind: 'shadow', next: upgrade.base, configs: [{ cluster: 'blue' }] });
    const { hold } = await until(tuning, (view) => view.hold !== undefined);
    expect(hold).toContain(`upgrade ${upgrade.id} is under way`);
    const { report } = await until(
      () => client.shadow('current', soon()),
      (told) => (told.report?.differences.length ?? 0) > 0,
    );
    const despite = report!.differences.map(({ id }) => id);
    expect(report!.differences[0]).toMatchObject({ endpoint: '/' });
    expect(report!.performance?.limits).toEqual({ new: { cpus: 1, memory: 2 ** 30 } });
    expect((await box.run('shadow', 'report')).out).toContain(
      'A copy could take: old all there is; new 1 CPU, 1024 MB',
    );
    await end(client.promote({ yes: true, despite }, soon()));
    expect((await configs()).map(({ env }) => Object.keys(env as object).join())).toEqual(['WORD', '']);
    await box.done('rollback', '--yes');
    expect((await configs()).map(({ env }) => Object.keys(env as object).join())).toEqual(['', '']);
    expect(await visitor.stop()).toEqual([]);
  },
  DEADLINE_MS,
);
