import { describe, expect, it } from 'vitest';
import { DigitalOceanProvider, type Host } from '../../../cluster-agent/index.js';
import { Hosts } from '../../../cluster-agent/spend/hosts.js';
import {
  clusterConfigSchema,
  DharmaError,
  type SpendPort,
  type SpendReply,
  type SpendRequest,
} from '../../../common/index.js';
import { applySpend, committed, left, NO_SPENDING, type Ledger } from '../../../federator/spend/ledger.js';
import { log } from '../support/agents.js';
import { FakeDigitalOcean, type Mishap } from '../support/digitalocean.js';

const { signal } = new AbortController();
const config = clusterConfigSchema.parse({ nodeSize: 's-10' });
const HOURLY = 0.01;

/** The real ledger, in memory. */
class Purse {
  ledger: Ledger = { ...NO_SPENDING, ceiling: 3 * HOURLY };
  reachable = true;

  port(session: string): SpendPort {
    return { tell: async (request) => this.#tell(session, request) };
  }

  async #tell(session: string, request: SpendRequest): Promise<SpendReply> {
    if (!this.reachable)
      throw new DharmaError({ code: 'SPEND_UNREACHABLE', message: 'the socket is gone', remedy: 'wait' });
    const now = Date.now();
    const event =
      request.kind === 'look'
        ? undefined
        : ({ ...request, cluster: 'c', session } as Parameters<typeof applySpend>[1]);
    const applied = event === undefined ? undefined : applySpend(this.ledger, event, now);
    if (applied !== undefined) this.ledger = applied.ledger;
    const room = left(this.ledger, now);
    return {
      outcome: applied?.outcome ?? (this.ledger.claims['c'] === session ? 'granted' : 'superseded'),
      now,
      ceiling: room === undefined ? null : room + committed(this.ledger),
      counted: this.ledger.entries.map(({ id }) => id),
    };
  }
}

async function started(
  purse = new Purse(),
  session = 's1',
  fake?: FakeDigitalOcean,
  answers?: (hostId: string) => boolean,
) {
  const cloud = fake ?? (await FakeDigitalOcean.start());
  const options = { token: 'good', region: 'fra1', image: 'x', callDeadlineMs: 20_000, baseUrl: cloud.url };
  const provider = new DigitalOceanProvider(options);
  const hosts = new Hosts({
    ...{ cluster: 'c', session, provider, spend: purse.port(session), log },
    ...(answers === undefined ? {} : { answers }),
  });
  return { hosts, provider, cloud, purse };
}

describe('the hosts of a cluster', () => {
  it('are counted before they are made, up to the ceiling, and given back', async () => {
    const { hosts, cloud, purse } = await started();
    const taken: Host[] = [];
    for (let i = 0; i < 3; i += 1) taken.push(await hosts.take(config, signal));
    await expect(hosts.take(config, signal)).rejects.toMatchObject({ code: 'CEILING_REACHED' });
    expect(cloud.droplets).toHaveLength(3);
    expect(purse.ledger.entries.map(({ state }) => state)).toEqual(['running', 'running', 'running']);
    await hosts.giveBack(taken[0]!);
    expect(cloud.droplets).toHaveLength(2);
    expect(await hosts.look(config, signal)).toMatchObject({
      price: HOURLY,
      faults: [],
      missing: [],
      hold: false,
    });
  });

  it.each<[Mishap, number]>([
    ['created-then-cut', 1],
    ['created-then-busy', 1],
    ['busy', 1],
  ])('a provider that is %s leaves no host that is not counted', async (mishap, most) => {
    const { hosts, cloud, purse } = await started();
    cloud.mishaps.push(mishap);
    await hosts.take(config, signal).catch(() => undefined);
    expect(cloud.droplets.length).toBeLessThanOrEqual(most);
    expect(committed(purse.ledger)).toBeGreaterThanOrEqual(cloud.droplets.length * HOURLY - 1e-9);
  });

  it('a provider that says yes and has nothing is seen, and the node that stands on nothing is named', async () => {
    const { hosts, cloud } = await started();
    const host = await hosts.take(config, signal);
    cloud.droplets.splice(0);
    expect((await hosts.look(config, signal)).missing).toEqual([]); // A listing may be behind.
    const look = await hosts.look(config, signal);
    expect(look.missing).toEqual([host.id]);
    expect(look.faults).toMatchObject([{ code: 'HOST_MISSING' }]);
  });

  it('a provider that does not list what answers is not believed: nothing is given up, and it is paid for on', async () => {
    const answers = new Set<string>();
    const { hosts, cloud, purse } = await started(new Purse(), 's1', undefined, (id) => answers.has(id));
    const host = await hosts.take(config, signal);
    answers.add(host.id);
    const [droplet] = cloud.droplets.splice(0);
    for (let look = 0; look < 3; look += 1)
      expect(await hosts.look(config, signal)).toMatchObject({
        ...{ missing: [], hold: false, faults: [{ code: 'HOST_UNLISTED' }] },
      });
    expect(purse.ledger.entries).toMatchObject([{ state: 'running' }]);
    cloud.droplets.push(droplet!);
    expect((await hosts.look(config, signal)).faults).toEqual([]);
    // It is gone once it answers no more.
    cloud.droplets.splice(0);
    answers.clear();
    expect((await hosts.look(config, signal)).missing).toEqual([]);
    expect((await hosts.look(config, signal)).missing).toEqual([host.id]);
  });

  it('a provider that makes a host twice is seen, and the second is destroyed', async () => {
    const { hosts, cloud, provider } = await started();
    await hosts.take(config, signal);
    const [first] = cloud.droplets;
    cloud.droplets.push({ ...first!, id: 99 });
    expect(await provider.list('c', signal)).toHaveLength(2);
    const { faults } = await hosts.look(config, signal);
    expect(faults).toMatchObject([{ code: 'HOST_STRAY' }]);
    expect(cloud.droplets.map(({ id }) => id)).toEqual([first!.id]);
    expect((await hosts.look(config, signal)).faults).toEqual([]);
  });

  it('whose price nobody knows are not taken under a ceiling, and are where there is none', async () => {
    const { hosts, purse } = await started();
    const unknown = clusterConfigSchema.parse({ nodeSize: 'no-such' });
    await expect(hosts.take(unknown, signal)).rejects.toMatchObject({ code: 'PRICE_UNKNOWN' });
    purse.ledger = { ...purse.ledger, ceiling: null };
    await expect(hosts.take(unknown, signal)).resolves.toBeDefined();
  });

  it('of two agents that claim one cluster, the later takes hosts, the earlier is told so', async () => {
    const { hosts, purse, cloud } = await started();
    await hosts.take(config, signal);
    const { hosts: later } = await started(purse, 's2', cloud);
    await later.take(config, signal);
    // Requests may be on the first one's host: who runs what there is for a person to say.
    expect(cloud.droplets).toHaveLength(2);
    expect((await later.look(config, signal)).faults).toMatchObject([{ code: 'HOST_UNKNOWN' }]);
    expect(purse.ledger.entries).toHaveLength(2);
    await expect(hosts.take(config, signal)).rejects.toMatchObject({ code: 'CLUSTER_CLAIMED' });
    expect(await hosts.look(config, signal)).toMatchObject({
      hold: true,
      faults: [{ code: 'CLUSTER_CLAIMED' }],
    });
  });

  it('that cost nothing are still made by one agent of a cluster alone', async () => {
    const free = clusterConfigSchema.parse({ nodeSize: 's-10', prices: { 's-10': 0 } });
    const { hosts, purse, cloud } = await started();
    await hosts.take(free, signal);
    const { hosts: later } = await started(purse, 's2', cloud);
    await later.take(free, signal);
    await expect(hosts.take(free, signal)).rejects.toMatchObject({ code: 'CLUSTER_CLAIMED' });
    expect(cloud.droplets).toHaveLength(2);
    expect(purse.ledger.entries).toEqual([]);
  });

  it('that cost nothing are taken though nobody can be asked about money', async () => {
    const { hosts, purse } = await started();
    purse.reachable = false;
    const free = clusterConfigSchema.parse({ nodeSize: 's-10', prices: { 's-10': 0 } });
    await expect(hosts.take(free, signal)).resolves.toBeDefined();
    await expect(hosts.take(config, signal)).rejects.toThrow('the socket is gone');
  });
});
