import { describe, expect, test } from 'vitest';
import { clusterConfigSchema, manifestSchema, type ClusterStatus } from '../../common/index.js';
import { edgeConfigOf } from '../../federator/clusters/edge-config.js';
import { specOf } from '../../federator/clusters/spec.js';
import { liveSurroundings } from '../../federator/shadow-worker/live.js';
import type { ClusterDocument, FederationDocument } from '../../federator/state/documents.js';
import { sameToken } from '../../federator/home/token.js';
import { release } from './support/federation.js';

const federation: FederationDocument = { _id: 'federation', live: 'r1', capture: true, epoch: 1 };

function cluster(name: string, set: Partial<ClusterDocument> = {}): ClusterDocument {
  return {
    _id: name,
    config: clusterConfigSchema.parse({}),
    active: 'r1',
    warm: [],
    listen: { address: '127.0.0.1', port: 5000 },
    recordOutbound: false,
    generation: 3,
    state: 'live',
    createdAt: new Date(0),
    epoch: 1,
    ...set,
  };
}

describe('the config of the edge', () => {
  test('sends traffic to live clusters, drains those that go, and leaves out those that come', () => {
    const clusters = [cluster('a', { state: 'adding' }), cluster('b'), cluster('c', { state: 'removing' })];
    const { nodes, capture } = edgeConfigOf(federation, clusters, new Map(), release('r1'));
    expect(nodes.map(({ name, state }) => [name, state])).toEqual([
      ['b', 'active'],
      ['c', 'drain'],
    ]);
    expect(capture).toEqual({ enabled: true });
  });

  test('goes by the port the agent really got', () => {
    const status = { proxy: { port: 6000 } } as ClusterStatus;
    const { nodes } = edgeConfigOf(federation, [cluster('b')], new Map([['b', status]]), release('r1'));
    expect(nodes[0]?.port).toBe(6000);
  });

  test('has no routes before the first release', () => {
    expect(edgeConfigOf({ ...federation, live: null }, [], new Map(), undefined).routes).toEqual([]);
  });
});

describe('the spec of a cluster', () => {
  const surroundings = { stores: { mongo: 'mongodb://m', redis: 'redis://r' }, writableDir: '/w' };

  test('carries its releases whole', () => {
    const all = new Map([release('r1'), release('r0')].map((each) => [each.id, each]));
    const result = specOf(cluster('b', { warm: ['r0'] }), { ...surroundings, release: (id) => all.get(id) });
    expect(result).toMatchObject({
      spec: { name: 'b', generation: 3, active: { id: 'r1' }, warm: [{ id: 'r0' }] },
    });
  });

  test('cannot be made without them, and says which', () => {
    const result = specOf(cluster('b', { warm: ['r0'] }), { ...surroundings, release: () => undefined });
    expect(result).toEqual({ missing: ['r1', 'r0'] });
  });
});

test('arms get the surroundings of live: its env, its real outbound addresses, its folders', () => {
  const manifest = manifestSchema.parse({
    name: 'shop',
    outbound: { PAYMENT_URL: 'http://pay.example', MAIL_URL: 'http://mail.example' },
    writable: { UPLOAD_DIR: 'uploads' },
  });
  const env = { PAYMENT_URL: 'http://127.0.0.1:4000', FEATURE: 'on', MONGO_URL: 'mongodb://other' };
  const clusters = [
    cluster('green', { config: clusterConfigSchema.parse({ env: { FEATURE: 'off' } }) }),
    cluster('blue', { config: clusterConfigSchema.parse({ env }) }),
  ];
  expect(liveSurroundings(manifest, clusters, '/w')).toEqual({
    env: { FEATURE: 'on' },
    outboundUrls: { PAYMENT_URL: 'http://127.0.0.1:4000', MAIL_URL: 'http://mail.example' },
    writable: { UPLOAD_DIR: '/w/uploads' },
  });
});

describe('arms of a config that changes', () => {
  const config = (input: object) => clusterConfigSchema.parse(input);
  const sizes = { small: { cpus: 1, memory: '512MB' }, large: { cpus: 4, memory: '2GB' } };
  const surroundings = (before: object, after: object, cpus = 8) =>
    liveSurroundings(
      manifestSchema.parse({ name: 'shop' }),
      [],
      '/w',
      [{ cluster: 'blue', before: config(before), after: config(after) }],
      cpus,
    );

  test('are held to the sizes of old and new nodes', () => {
    const { limits, caveats } = surroundings({ sizes }, { sizes, nodeSize: 'large' });
    expect(limits).toEqual({
      old: { cpus: 1, memory: 512 * 2 ** 20 },
      new: { cpus: 4, memory: 2 * 2 ** 30 },
    });
    expect(caveats).toEqual([]);
  });

  test('say what of a size they do not show', () => {
    expect(surroundings({}, { nodeSize: 'large' }).caveats).toEqual([
      expect.stringContaining('nodeSize small → large'),
      expect.stringContaining('"sizes"'),
    ]);
    expect(surroundings({ sizes }, { sizes, nodeSize: 'large' }, 2).caveats).toEqual([
      'a copy could take 4 CPUs, and this machine has 2',
    ]);
    expect(surroundings({ sizes }, { sizes, nodes: 5 }).caveats).toEqual([
      expect.stringContaining('nodes 2 → 5'),
    ]);
  });
});

test('tokens are equal only when they are, whatever their lengths', () => {
  expect(sameToken('abc', 'abc')).toBe(true);
  for (const other of ['abd', 'ab', 'abcd', '']) expect(sameToken('abc', other)).toBe(false);
});
