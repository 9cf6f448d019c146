import { describe, expect, it } from 'vitest';
import { proxySettings } from '../../../cluster-agent/agent/proxy-settings.js';
import { clusterStatus, type StatusInput } from '../../../cluster-agent/agent/status.js';
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
    activeGroup: 'new',
    warmGroups: ['old'],
    serving: SERVING,
    nodes,
    proxy: { pid: 1, address: '', port: 1, restarts: 0 },
    error: undefined,
    windows: [],
    measurements: [],
    ...more,
  });
}

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
    const used = { endpoint: '*', count: 2, errors: 1, median: 3, p99: 4 };
    const status = statusOf([], { serving: undefined, measurements: [measured], windows: [used] });
    expect(status.activeRelease).toBe('');
    expect(status.endpoints).toEqual([
      { endpoint: '*', perfAvg: undefined, count: 2, errors: 1, median: 3, p99: 4 },
      { endpoint: 'GET /a', perfAvg: 5, count: 0, errors: 0, median: undefined, p99: undefined },
    ]);
  });
});

describe('the settings of a proxy', () => {
  it('say what config and manifest say', () => {
    const nodes = [{ name: 'n', address: '127.1.1.1', port: 9, state: 'active' as const }];
    expect(proxySettings(config, manifest.routes, nodes)).toEqual({
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
});
