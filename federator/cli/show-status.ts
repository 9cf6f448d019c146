import { formatDuration } from '../../common/index.js';
import type { Cluster, FederationStatus, Upgrade } from '../api/schemas.js';
import type { Printer } from './printer.js';

const MONGO: Readonly<Record<string, string>> = {
  embedded: 'embedded stand-in, for one machine (federate doctor says what to install)',
  given: 'given by URI',
};

/** The federation for people. */
export function showStatus(status: FederationStatus, printer: Printer): void {
  const { colors: c } = printer;
  const health = status.health === 'ok' ? c.green('ok') : c.red('degraded');
  printer.line(`${c.bold('federation')}  ${health}`);
  const edge = [status.edge.url, status.edge.httpsUrl].filter((url) => url !== undefined).join('  ');
  printer.line(`edge        ${edge}${status.edge.capture ? c.yellow('  copying requests') : ''}`);
  for (const line of [...limitLines(status.edge.limits), ...edgeTroubles(status.edge, printer)])
    printer.line(line);
  for (const line of assetLines(status.edge.assets)) printer.line(line);
  printer.line(`api         ${status.api.url}`);
  printer.line(`stores      mongo: ${MONGO[status.stores.mongo] ?? status.stores.mongo}`);
  printer.line(`release     ${status.live ?? 'none yet'}`);
  const spend = spendLine(status.spend);
  if (spend !== undefined) printer.line(`spend       ${spend}`);
  if (status.upgrade !== null) printer.line(`upgrade     ${upgradeLine(status.upgrade)}`);
  for (const operation of status.operations)
    printer.line(`doing       ${operation.kind} ${operation.subject}: ${operation.doing}`);
  for (const problem of status.problems) printer.line(`${c.red('problem')}     ${problem}`);
  printer.line();
  if (status.clusters.length === 0) {
    printer.line('no clusters yet: federate add-cluster NAME --config FILE --app DIR');
    return;
  }
  printer.table(
    ['CLUSTER', 'STATE', 'RELEASE', 'NODES', 'WARM', 'WORKERS', 'REQUESTS', 'ERRORS', 'MEDIAN', 'WAITING'],
    status.clusters.map((cluster) => clusterRow(cluster, printer)),
  );
  for (const line of status.clusters.flatMap((cluster) => clusterTroubles(cluster, printer)))
    printer.line(line);
}

/** Undefined where nothing costs anything and nothing is said about money. */
function spendLine({
  hourly,
  maxHourly,
  thisMonth,
  maxMonthly,
}: FederationStatus['spend']): string | undefined {
  if (hourly === 0 && thisMonth === 0 && maxHourly === null && maxMonthly === null) return undefined;
  const most = (max: number | null): string => (max === null ? '' : ` of ${max.toFixed(2)}`);
  return `$${hourly.toFixed(4)}${most(maxHourly)} an hour, $${thisMonth.toFixed(2)}${most(maxMonthly)} this month`;
}

type NodesOut = NonNullable<Cluster['proxy']>['nodesOut'];

/** A node that gets nothing while others do, and why. */
const whyOut = ({ node, ejected, unhealthy }: NodesOut[number]): string =>
  `${node} (${[...(ejected ? ['fails more than its peers'] : []), ...(unhealthy ? ['its health checks fail'] : [])].join(', ')})`;

function edgeTroubles({ limits, glitches }: FederationStatus['edge'], { colors: c }: Printer): string[] {
  const out = limits?.nodesOut ?? [];
  return [
    ...(out.length > 0 ? [`${c.red('left out')}    ${out.map(whyOut).join('; ')}`] : []),
    ...(glitches !== undefined && glitches > 0
      ? [`glitches    ${count(glitches, 'malformed request')}`]
      : []),
  ];
}

/** What holds a cluster's requests back; nothing where nothing does. */
function clusterTroubles({ name, proxy }: Cluster, { colors: c }: Printer): string[] {
  if (proxy === undefined) return [];
  const { queued, refused, measure, glitches, nodesOut } = proxy;
  const told = [
    ...(nodesOut.length > 0 ? [`${c.red('left out')}: ${nodesOut.map(whyOut).join('; ')}`] : []),
    ...(queued > 0
      ? [`${count(queued, 'request')} ${measure ? 'would have waited' : 'waited'} for a node`]
      : []),
    ...(refused > 0 ? [c.red(`${count(refused, 'request')} refused: too many waited, or for too long`)] : []),
    ...(glitches > 0 ? [count(glitches, 'malformed request')] : []),
  ];
  return told.length === 0 ? [] : [`${name}: ${told.join(', ')}`];
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

function clusterRow(cluster: Cluster, { colors: c }: Printer): string[] {
  const serving = cluster.nodes.filter((node) => node.release === cluster.active);
  const ready = serving.filter((node) => node.state === 'ready').length;
  const requests = cluster.endpoints.reduce((sum, endpoint) => sum + endpoint.count, 0);
  const errors = cluster.endpoints.reduce((sum, endpoint) => sum + endpoint.errors, 0);
  const state = cluster.state === 'live' ? cluster.health : cluster.state;
  const paint =
    state === 'converged' ? c.green : state === 'failed' || state === 'unreachable' ? c.red : c.yellow;
  return [
    cluster.name,
    paint(state === 'converged' ? 'serving' : state),
    cluster.active,
    `${ready}/${String(serving.length)}`,
    String(cluster.nodes.length - serving.length),
    workersOf(cluster),
    String(requests),
    errors === 0 ? '0' : c.red(String(errors)),
    medianOf(cluster),
    String(cluster.proxy?.waiting ?? '-'),
  ];
}

function workersOf({ workers }: Cluster): string {
  const ready = workers.filter(({ state }) => state === 'ready').length;
  return workers.length === 0 ? '-' : `${ready}/${String(workers.length)}`;
}

/** Over the endpoints, weighted by their requests: rough, and said to be of the cluster as a whole. */
function medianOf(cluster: Cluster): string {
  const measured = cluster.endpoints.filter(
    (endpoint) => endpoint.median !== undefined && endpoint.count > 0,
  );
  const requests = measured.reduce((sum, endpoint) => sum + endpoint.count, 0);
  if (requests === 0) return '-';
  const sum = measured.reduce((total, endpoint) => total + endpoint.median! * endpoint.count, 0);
  return `${(sum / requests).toFixed(1)} ms`;
}

function upgradeLine(upgrade: Upgrade): string {
  const packages = 'packages' in upgrade.change ? (upgrade.change.packages ?? []) : [];
  const cron = upgrade.cron === undefined ? [] : [`cron ${upgrade.cron}`];
  const ofRelease =
    upgrade.next === upgrade.base
      ? []
      : [upgrade.kind === 'deploy' ? 'deploy' : packages.join(' ') || 'update'];
  const configs = (upgrade.configs ?? []).map(({ cluster }) => `config of ${cluster}`);
  const what = [...ofRelease, ...configs, ...cron].join(', ');
  const left = upgrade.rollbackUntil === undefined ? 0 : Date.parse(upgrade.rollbackUntil) - Date.now();
  const window = upgrade.state === 'promoted' && left > 0 ? `, rollback for ${formatDuration(left)}` : '';
  const error = upgrade.error === undefined ? '' : ` (${upgrade.error.message})`;
  return `${upgrade.id} ${what}: ${upgrade.state}${window}${error}`;
}

/** What is over a limit at the edge; nothing where nothing is. */
function limitLines(limits: FederationStatus['edge']['limits']): string[] {
  if (limits === undefined) return [];
  const over = [
    ...(limits.clientConnections > 0 ? [`connections ${limits.clientConnections}`] : []),
    ...limits.endpoints.map(
      ({ endpoint, clientRate, endpointRate }) =>
        `${endpoint} ${[
          ...(clientRate > 0 ? [`${clientRate} over the client's rate`] : []),
          ...(endpointRate > 0 ? [`${endpointRate} over its own`] : []),
        ].join(', ')}`,
    ),
  ];
  if (over.length === 0) return [];
  return [`limits      ${limits.measure ? 'would have refused' : 'refused'}: ${over.join('; ')}`];
}

/** What the cache of assets spares the origin, and what it holds. */
function assetLines(assets: FederationStatus['edge']['assets']): string[] {
  if (assets === undefined) return [];
  const { hits, stale, misses, collapsed, memoryBytes, diskBytes, diskDamaged, diskFailures } = assets;
  const trouble = [
    ...(diskDamaged > 0 ? [`${diskDamaged} files were damaged`] : []),
    ...(diskFailures > 0 ? [`${diskFailures} answers could not be written`] : []),
  ];
  return [
    `assets      ${hits + stale + collapsed} answered from the cache, ${misses} asked for; ${megabytes(memoryBytes)} in memory, ${megabytes(diskBytes)} on disk${trouble.map((what) => `; ${what}`).join('')}`,
  ];
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
