import { describe, expect, it } from 'vitest';
import { proxySettings } from '../../../cluster-agent/agent/proxy-settings.js';
import { clusterStatus, emptyStatus, type StatusInput } from '../../../cluster-agent/agent/status.js';
import {
  clusterConfigSchema,
  manifestSchema,
  type ClusterSpec,
  type NodeState,
  type Release,
} from '../../../common/index.js';

const manifest = manifestSchema.parse({
  name: 'shop',
  routes: [
    { pattern: '/a', methods: ['GET'], sticky: 'ip' },
    { pattern: '/b', class: 'asset' },
  ],
});
const release = (id: string): Release => ({
  id,
  app: 'shop',
  dir: '/x',
  manifest,
  packages: {},
  createdAt: 0,
});
const config = clusterConfigSchema.parse({ nodes: 1, drainTimeout: '7s', proxy: { bodyBytes: 5 } });
const spec: ClusterSpec = {
  name: 'blue',
  generation: 3,
  config,
  active: release('r-new'),
  warm: [release('r-old')],
  stores: { mongo: '', redis: '' },
  listen: { address: '127.0.0.1', port: 1 },
  writableDir: '/x',
  recordOutbound: false,
};

function node(group: string, state: NodeState, error?: StatusInput['error']): StatusInput['nodes'][number] {
  const status = { name: `${group}-1`, release: group, state, address: '', port: 0, pid: 1, restarts: 0 };
  return { group, status, ...(error === undefined ? {} : { error }) };
}

function statusOf(nodes: StatusInput['nodes'], more: Partial<StatusInput> = {}) {
  return clusterStatus({
    spec,
    count: 1,
    spares: 0,
    sizing: SIZING,
    activeGroup: 'new',
    warmGroups: ['old'],
    serving: SERVING,
    nodes,
    proxy: { ...emptyStatus('c').proxy, pid: 1, port: 1 },
    error: undefined,
    windows: [],
    measurements: [],
    ...more,
  });
}

const SIZING: StatusInput['sizing'] = {
  mode: 'fixed',
  least: 1,
  most: 1,
  wanted: 1,
  spares: 0,
  reasons: [],
  problems: [],
};
const SERVING = {
  generation: 3,
  group: 'new',
  release: 'r-new',
  nodes: [{ name: 'new-1', address: '', port: 0 }],
};
const problem = { code: 'X', message: 'm', remedy: 'r' };

describe('the status of a cluster', () => {
  it.each([
    [
      'all is as it should be',
      [node('new', 'ready'), node('old', 'ready')],
      {},
      'converged',
      ['r-new', 'r-old'],
    ],
    ['one is still tested', [node('new', 'testing'), node('old', 'ready')], {}, 'converging', ['r-old']],
    [
      'an old one still drains',
      [node('new', 'ready'), node('old', 'ready'), node('x', 'draining')],
      {},
      'converging',
      ['r-new', 'r-old'],
    ],
    [
      'the traffic has not moved yet',
      [node('new', 'ready'), node('old', 'ready')],
      { serving: { ...SERVING, group: 'old', release: 'r-old' } },
      'converging',
      ['r-new', 'r-old'],
    ],
    [
      'the proxy goes by an older spec',
      [node('new', 'ready'), node('old', 'ready')],
      { serving: { ...SERVING, generation: 2 } },
      'converging',
      ['r-new', 'r-old'],
    ],
    [
      'the proxy does not know yet that a node is back',
      [node('new', 'ready'), node('old', 'ready')],
      { serving: { ...SERVING, nodes: [] } },
      'converging',
      ['r-new', 'r-old'],
    ],
    [
      'the proxy knows a node by the port of its former life',
      [node('new', 'ready'), node('old', 'ready')],
      { serving: { ...SERVING, nodes: [{ ...SERVING.nodes[0]!, port: 7 }] } },
      'converging',
      ['r-new', 'r-old'],
    ],
    ['a wanted node fails', [node('new', 'failed', problem), node('old', 'ready')], {}, 'failed', ['r-old']],
    [
      'a node fails that nobody wants',
      [node('new', 'ready'), node('old', 'ready'), node('x', 'failed', problem)],
      {},
      'converging',
      ['r-new', 'r-old'],
    ],
    [
      'the proxy cannot do it',
      [node('new', 'ready'), node('old', 'ready')],
      { error: problem },
      'failed',
      ['r-new', 'r-old'],
    ],
  ] as const)('%s', (_name, nodes, more, state, ready) => {
    const status = statusOf(nodes, more);
    expect(status.state).toBe(state);
    expect(status.readyReleases).toEqual(ready);
    expect(status.error).toEqual(state === 'failed' ? problem : undefined);
  });

  it('names the release that has the traffic, and has every endpoint that was measured or used', () => {
    const measured = { endpoint: 'GET /a', median: 5, mean: 6, loadedMedian: undefined, count: 9, errors: 0 };
    const tally = { count: 2, errors: 1, median: 3, p90: 4, p99: 4, open: 1 };
    const used = { endpoint: '*', frequency: 2, ...tally, nodes: [{ node: 'new-1', ...tally }] };
    const status = statusOf([], { serving: undefined, measurements: [measured], windows: [used] });
    expect(status.activeRelease).toBe('');
    expect(status.endpoints).toEqual([
      { ...used, routes: [], perfAvg: undefined, target: undefined },
      {
        endpoint: 'GET /a',
        routes: ['GET /a'],
        perfAvg: 5,
        target: 10,
        count: 0,
        errors: 0,
        median: undefined,
        p90: undefined,
        p99: undefined,
        open: 0,
        frequency: 0,
        nodes: [],
      },
    ]);
  });

  it('has converged with a spare that waits, and not without it', () => {
    const first = node('new', 'ready');
    const spare = { ...first, status: { ...first.status, name: 'new-2' } };
    const nodes = [spare, first];
    expect(statusOf(nodes, { warmGroups: [], spares: 1 }).state).toBe('converged');
    expect(statusOf(nodes.slice(1), { warmGroups: [], spares: 1 }).state).toBe('converging');
  });
});

describe('the settings of a proxy', () => {
  it('say what config and manifest say', () => {
    const nodes = [{ name: 'n', address: '127.1.1.1', port: 9, state: 'active' as const }];
    expect(proxySettings(config, manifest, nodes)).toEqual({
      nodes,
      routes: [
        { pattern: '/a', methods: ['GET'], endpoint: 'GET /a', class: 'app', sticky: 'ip' },
        { pattern: '/b', endpoint: '/b', class: 'asset', sticky: 'none' },
      ],
      limits: { upstreamTimeout: 60_000, bodyBytes: 5, queue: 1000, queueTimeout: 5000 },
      telemetry: { interval: 1000 },
      exchangeHeader: 'dharma-exchange',
      trusted: ['127.0.0.0/8'],
      drainTimeout: 7000,
    });
  });

  it('keep routes to nodes of their class, ask for health as readiness does, and only measure where that is wanted', () => {
    const nodes = ['a', 'b', 'c'].map((name) => ({ name, address: '127.1.1.1', port: 9 }));
    const told = proxySettings(
      clusterConfigSchema.parse({
        nodes: 3,
        nodeClasses: { slow: 1 },
        proxy: { maxRequests: 4, measureLimits: true, slowStart: '3s' },
      }),
      manifestSchema.parse({
        name: 'x',
        health: { path: '/up' },
        routes: [
          { pattern: '/report', nodeClass: 'slow' },
          { pattern: '/other', nodeClass: 'elsewhere' },
          { pattern: '/' },
        ],
      }),
      nodes,
    );
    expect(told.nodes.map(({ name, class: kind, maxRequests }) => [name, kind, maxRequests])).toEqual([
      ['a', 'slow', 4],
      ['b', '*', 4],
      ['c', '*', 4],
    ]);
    expect(told.routes!.map(({ nodeClasses }) => nodeClasses)).toEqual([
      ['slow'],
      ['*', 'slow'],
      ['*', 'slow'],
    ]);
    expect(told).toMatchObject({
      health: { path: '/up' },
      balance: { slowStart: 3000 },
      limits: { measure: true },
    });
  });
});
