import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { DigitalOceanProvider, LocalProvider } from '../../../cluster-agent/index.js';
import { FakeDigitalOcean, dropletOf } from '../support/digitalocean.js';

let signal: AbortSignal;
beforeEach(() => {
  signal = AbortSignal.timeout(55_000);
});
const intent = { intent: 'blue-7', name: 'blue-7', cluster: 'blue', size: 's-1' };

async function provider(more: { token?: string; callDeadlineMs?: number } = {}) {
  const fake = await FakeDigitalOcean.start();
  const options = { token: 'good', region: 'fra1', image: 'ubuntu-24-04-x64', baseUrl: fake.url, ...more };
  return { fake, cloud: new DigitalOceanProvider(options) };
}

describe('DigitalOcean as a provider', () => {
  it('creates once per intent, lists a cluster over all pages, and destroys', async () => {
    const { fake, cloud } = await provider();
    const host = await cloud.create(intent, signal);
    expect(host).toEqual({
      id: '1',
      name: 'blue-7',
      address: '10.1.0.1',
      size: 's-1',
      state: 'new',
      intent: 'blue-7',
    });
    expect(fake.requests.find(({ method }) => method === 'POST')!.body).toEqual({
      name: 'blue-7',
      region: 'fra1',
      size: 's-1',
      image: 'ubuntu-24-04-x64',
      tags: ['dharma', 'dharma-cluster:blue', 'dharma-intent:blue-7'],
    });
    expect(await cloud.create(intent, signal)).toEqual(host);
    expect(fake.count('POST')).toBe(1);
    for (let i = 0; i < 230; i++)
      fake.droplets.push(dropletOf(100 + i, `n${i}`, ['dharma-cluster:blue'], 's-1'));
    fake.droplets.push(dropletOf(999, 'other', ['dharma-cluster:green'], 's-1'));
    expect(await cloud.list('blue', signal)).toHaveLength(231);
    await cloud.destroy(host.id, signal);
    await cloud.destroy(host.id, signal);
    expect(await cloud.list('blue', signal)).toHaveLength(230);
  });

  it.each(['created-then-busy', 'created-then-cut'] as const)(
    'buys one droplet, not two, when the answer is lost (%s)',
    async (mishap) => {
      const { fake, cloud } = await provider();
      fake.mishaps.push(mishap);
      expect((await cloud.create(intent, signal)).id).toBe('1');
      expect(fake.droplets).toHaveLength(1);
      expect(fake.count('POST')).toBe(1);
    },
  );

  it('never repeats a create by itself, and says why it failed', async () => {
    const { fake, cloud } = await provider({ callDeadlineMs: 3000 });
    fake.mishaps.push('busy', 'silent', 'garbage');
    for (const code of ['PROVIDER_BUSY', 'PROVIDER_NOT_ANSWERING', 'PROVIDER_UNREADABLE'])
      await expect(cloud.create(intent, signal)).rejects.toMatchObject({ code });
    expect(fake.count('POST')).toBe(3);
    expect(fake.droplets).toEqual([]);
  });

  it('knows prices on later pages, and which sizes there are not', async () => {
    const { cloud } = await provider();
    expect(await cloud.price('s-240', signal)).toEqual({ size: 's-240', hourly: 0.24, monthly: 240 });
    await expect(cloud.price('s-999', signal)).rejects.toMatchObject({ code: 'PROVIDER_SIZE_UNKNOWN' });
  });

  it('moves a reserved address, and passes on why it cannot', async () => {
    const { fake, cloud } = await provider();
    const host = await cloud.create(intent, signal);
    await cloud.moveAddress('198.51.100.1', host.id, signal);
    expect(fake.assigned.get('198.51.100.1')).toBe(1);
    const refused = cloud.moveAddress('198.51.100.1', '77', signal);
    await expect(refused).rejects.toThrow(/pending event/);
  });

  it('says that a token is no good, without showing it', async () => {
    const { cloud } = await provider({ token: 'hunter2' });
    const error = await cloud.list('blue', signal).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'PROVIDER_REFUSED', found: 'status 401' });
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('ends at once when it is told to', async () => {
    const { fake, cloud } = await provider();
    const abort = new AbortController();
    fake.mishaps.push('silent');
    const creating = cloud.create(intent, abort.signal);
    while (fake.count('POST') === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    abort.abort(new Error('enough'));
    await expect(creating).rejects.toThrow('enough');
  });

  it('is tested against droplets of the shape the API describes', ({ skip }) => {
    const file = join(import.meta.dirname, '../../../../shared/data/digitalocean-openapi.json');
    if (!existsSync(file)) skip('the description of the API does not stand beside this package');
    const api = JSON.parse(readFileSync(file, 'utf8')) as {
      components: { schemas: Record<string, { required?: string[]; properties?: Record<string, unknown> }> };
    };
    const { droplet, droplet_create: create } = api.components.schemas;
    expect(Object.keys(dropletOf(1, 'n', [], 's'))).toEqual(expect.arrayContaining(droplet!.required!));
    expect(Object.keys(droplet!.properties!)).toEqual(
      expect.arrayContaining(Object.keys(dropletOf(1, 'n', [], 's'))),
    );
    expect(create!.required!.every((field) => ['size', 'image', 'name'].includes(field))).toBe(true);
  });
});

describe('this machine as a provider', () => {
  it('gives every host of a cluster an address of its own, once per intent', async () => {
    const local = new LocalProvider();
    const hosts = await Promise.all(
      ['a', 'b', 'a', 'c'].map((name) => local.create({ ...intent, intent: name, name })),
    );
    expect(hosts[2]).toEqual(hosts[0]);
    expect(new Set(hosts.map(({ address }) => address)).size).toBe(3);
    await local.destroy(hosts[0]!.id);
    expect((await local.list('blue')).map(({ name }) => name)).toEqual(['b', 'c']);
    expect(await local.list('green')).toEqual([]);
    expect(await local.price('small')).toEqual({ size: 'small', hourly: 0, monthly: 0 });
    await expect(local.moveAddress()).rejects.toMatchObject({ code: 'NOT_BUILT_YET' });
  });
});
