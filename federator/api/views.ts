import type { ClusterStatus, ProxyStatus } from '../../common/index.js';
import type { ClusterDocument, OperationDocument, UpgradeDocument } from '../state/documents.js';
import { changedKeys } from '../upgrade/configs.js';
import type { Cluster, Operation, Upgrade } from './schemas.js';

/** Documents as the API shows them. Pure. */

export function operationView(operation: OperationDocument): Operation {
  return {
    id: operation._id,
    kind: operation.kind,
    subject: operation.subject,
    state: operation.state,
    doing: operation.doing,
    steps: operation.steps.map(({ name, state, at }) => ({ name, state, at: at.toISOString() })),
    ...(operation.error === undefined ? {} : { error: { ...operation.error } }),
    createdAt: operation.createdAt.toISOString(),
    ...(operation.endedAt === undefined ? {} : { endedAt: operation.endedAt.toISOString() }),
  };
}

export function upgradeView(upgrade: UpgradeDocument): Upgrade {
  const { _id, kind, state, change, base, next, configs, error } = upgrade;
  return {
    id: _id,
    kind,
    state,
    change: change as Upgrade['change'],
    base,
    next,
    ...(configs === undefined
      ? {}
      : { configs: configs.map((one) => ({ cluster: one.cluster, changes: changedKeys(one) })) }),
    ...(upgrade.options?.cron === undefined ? {} : { cron: upgrade.options.cron }),
    createdAt: upgrade.createdAt.toISOString(),
    ...(upgrade.promotedAt === undefined ? {} : { promotedAt: upgrade.promotedAt.toISOString() }),
    ...(upgrade.rollbackUntil === undefined ? {} : { rollbackUntil: upgrade.rollbackUntil.toISOString() }),
    ...(upgrade.endedAt === undefined ? {} : { endedAt: upgrade.endedAt.toISOString() }),
    ...(error === undefined ? {} : { error: { ...error } }),
  };
}

export function clusterView(cluster: ClusterDocument, status: ClusterStatus | undefined): Cluster {
  return {
    name: cluster._id,
    state: cluster.state,
    health: status?.state ?? 'unreachable',
    generation: cluster.generation,
    active: cluster.active,
    warm: [...cluster.warm],
    listen: { address: cluster.listen.address, port: status?.proxy.port || cluster.listen.port },
    nodes: (status?.nodes ?? []).map((node) => withoutUndefined(node)),
    ...(status === undefined ? {} : { proxy: proxyView(status.proxy) }),
    endpoints: (status?.endpoints ?? []).map((endpoint) =>
      withoutUndefined({
        ...endpoint,
        routes: [...endpoint.routes],
        nodes: endpoint.nodes.map((node) => withoutUndefined(node)),
      }),
    ),
    ...(status?.sizing === undefined ? {} : { sizing: status.sizing }),
    workers: (status?.workers ?? []).map((node) => withoutUndefined(node)),
    tasks: (status?.tasks ?? []).map((task) => withoutUndefined(task)),
    config: {
      ...cluster.config,
      env: Object.fromEntries(Object.keys(cluster.config.env).map((name) => [name, '[set]'])),
    },
    ...(status?.error === undefined ? {} : { error: { ...status.error } }),
  };
}

function proxyView({ address: _, port: __, nodesOut, ...proxy }: ProxyStatus): NonNullable<Cluster['proxy']> {
  return withoutUndefined({ ...proxy, nodesOut: [...nodesOut] });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** JSON has no undefined: such fields are left out. */
export function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}
