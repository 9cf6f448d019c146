import { formatDuration, type SizingExplanation } from '../../common/index.js';
import type { ClusterEndpoints, Explanations } from '../api/schemas.js';
import type { Printer } from './printer.js';

/** The route map for people. */
export function showEndpoints(
  clusters: readonly ClusterEndpoints[],
  byNode: boolean,
  printer: Printer,
): void {
  const { colors: c } = printer;
  if (clusters.every(({ endpoints }) => endpoints.length === 0)) {
    printer.line('no endpoint was measured or asked for yet');
    return;
  }
  printer.table(
    ['CLUSTER', 'ENDPOINT', 'REQ/S', 'PERFAVG', 'TARGET', 'MEDIAN', 'P90', 'P99', 'OWN', 'OPEN', 'ERRORS'],
    clusters.flatMap(({ cluster, endpoints }) =>
      endpoints.flatMap((endpoint) => {
        const { target, median } = endpoint;
        const isSlow = target !== undefined && median !== undefined && median > target;
        const row = [
          cluster,
          nameOf(endpoint),
          endpoint.frequency.toFixed(endpoint.frequency < 10 ? 2 : 0),
          ms(endpoint.perfAvg),
          ms(target),
          isSlow ? c.red(ms(median)) : ms(median),
          ms(endpoint.p90),
          ms(endpoint.p99),
          ms(endpoint.own),
          String(endpoint.open),
          endpoint.errors === 0 ? '0' : c.red(String(endpoint.errors)),
        ];
        const nodes = endpoint.nodes.map((node) => [
          '',
          c.dim(`  ${node.node}`),
          c.dim(`${node.count} in all`),
          '',
          '',
          ms(node.median),
          ms(node.p90),
          ms(node.p99),
          ms(node.own),
          String(node.open),
          String(node.errors),
        ]);
        return [row, ...(byNode ? nodes : [])];
      }),
    ),
  );
}

/** A route says more than the name it was given, where that is another. */
function nameOf({ endpoint, routes }: ClusterEndpoints['endpoints'][number]): string {
  const others = routes.filter((route) => route !== endpoint);
  return others.length === 0 ? endpoint : `${endpoint} (${others.join(', ')})`;
}

function ms(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** Decisions for people; `next`: those that would be taken now. */
export function showExplanations(
  { clusters, tuning = {}, missing }: Explanations,
  next: boolean,
  printer: Printer,
): void {
  const blocks = [
    ...clusters
      .flatMap(({ workers, ...nodes }): SizingExplanation[] =>
        workers === undefined ? [nodes] : [nodes, { ...workers, cluster: `${workers.cluster} (workers)` }],
      )
      .map((one) => (): void => showOne(one, tuning[one.cluster] ?? [], next, printer)),
    ...missing.map(({ cluster, error }) => (): void => {
      printer.line(`${printer.colors.bold(cluster)}  ${error.message}`);
      printer.line(`  do: ${error.remedy}`);
    }),
  ];
  if (blocks.length === 0) printer.line('no clusters yet: federate add-cluster NAME --config FILE --app DIR');
  blocks.forEach((show, i) => {
    if (i > 0) printer.line();
    show();
  });
}

function showOne(one: SizingExplanation, tuning: readonly string[], next: boolean, printer: Printer): void {
  const { colors: c } = printer;
  printer.line(`${c.bold(one.cluster)}  ${headline(one, next)}`);
  const lines: [label: string, text: string][] = [
    ...(next
      ? []
      : [['decided', `${formatDuration(Math.max(0, Date.now() - one.at))} ago`] as [string, string]]),
    ...one.reasons.map((reason, i): [string, string] => [i === 0 ? 'because' : '', reason]),
    ...groupLines(one),
    ['bounds', one.mode === 'fixed' ? 'fixed by the config' : `${one.least} to ${plural(one.most)}`],
    ['price', priceLine(one)],
    ['work', workLine(one)],
    ...one.forecast.map(({ aheadMs, work, upper }, i): [string, string] => [
      i === 0 ? 'forecast' : '',
      `in ${formatDuration(aheadMs)}: ${work.toFixed(2)} nodes, hardly above ${upper.toFixed(2)}`,
    ]),
    ['ready', `a new node serves after ${formatDuration(one.readyMs)}; ${plural(one.spares)} wait ready`],
    ...one.slow.map((endpoint): [string, string] => ['slow', endpoint]),
    ...one.changes.map(({ what, nodes }, i): [string, string] => [
      i === 0 ? 'changes' : '',
      `${plural(nodes)} if ${what}`,
    ]),
    ...tuning.map((text, i): [string, string] => [i === 0 ? 'tuning' : '', text]),
    ...one.problems.flatMap(({ message, found, remedy }): [string, string][] => [
      ['problem', found === undefined ? message : `${message} (${found})`],
      ['do', remedy],
    ]),
  ];
  for (const [label, text] of lines)
    printer.line(`  ${label === 'problem' ? c.red(label.padEnd(9)) : c.dim(label.padEnd(9))} ${text}`);
}

function groupLines({ groups, wanted }: SizingExplanation): [label: string, text: string][] {
  const lines =
    groups.each.length === 0
      ? [`one: every endpoint on each of the ${plural(wanted)}`]
      : groups.each.map(
          ({ endpoints, nodes, work, wait }) =>
            `${plural(nodes)} for ${endpoints.join(', ')}: ${work.toFixed(2)} busy, wait ${wait === null ? 'without end' : ms(wait)}`,
        );
  return [...lines, groups.why]
    .filter((text) => text !== '')
    .map((text, i) => [i === 0 ? 'groups' : '', text]);
}

function headline(one: SizingExplanation, next: boolean): string {
  const have = one.serving + one.starting;
  if (one.mode === 'fixed') return `${plural(one.wanted)}, fixed; sizing would choose ${one.nodes}`;
  const change = one.nodes === have ? 'as now' : `${have} now`;
  return next ? `would have ${plural(one.nodes)} (${change})` : `${plural(one.nodes)} (${have} before)`;
}

function priceLine({ size, price, nodes, ceiling }: SizingExplanation): string {
  const each =
    price === null
      ? 'not known'
      : `$${price.toFixed(4)} an hour each, $${(price * nodes).toFixed(4)} together`;
  return `${size}: ${each}; ${ceiling === null ? 'no ceiling' : `at most $${ceiling.toFixed(4)} an hour`}`;
}

function workLine({ work, short }: SizingExplanation): string {
  const waits = work.waiting > 0 ? `, ${work.waiting.toFixed(1)} node-seconds wait` : '';
  return `${work.mean.toFixed(2)} nodes busy in the mean, ${work.most.toFixed(2)} at most${waits}; ${(short * 100).toFixed(1)}% of seconds short`;
}

function plural(count: number): string {
  return `${count} node${count === 1 ? '' : 's'}`;
}
