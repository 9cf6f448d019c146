import type { DharmaErrorJson, SizingExplanation } from '../../common/index.js';
import { decide, type SizingPlan } from './decide.js';
import { shareNodes } from './grouping-classes.js';
import { expectWork } from './forecast/forecaster.js';
import { scaleSignals } from './forecast/signals.js';
import type { SizingConfig } from './input.js';
import type { SizingRecord } from './record.js';

/** What a decision's record does not hold and people want to know with it. */
export interface ExplanationContext {
  readonly cluster: string;
  readonly mode: SizingExplanation['mode'];
  readonly wanted: number;
  readonly spares: number;
  readonly size: string;
  readonly problems: readonly DharmaErrorJson[];
}

/** Horizons that forecasts are told for, ms. */
const HORIZONS = [15_000, 30_000, 60_000];
/** How finely a change of work is told that would change the number of nodes: halvings of its range. */
const HALVINGS = 12;
/** No more than ten times the work is asked about. */
const MOST_FACTOR = 10;

/** Why so many nodes, by what was recorded. Pure. */
export function explain(record: SizingRecord, context: ExplanationContext): SizingExplanation {
  const { input, config, plan } = record;
  const { observation, nodes, readyMs, price } = input;
  const { work } = observation;
  return {
    cluster: context.cluster,
    at: input.now,
    mode: context.mode,
    serving: nodes.serving,
    starting: nodes.starting,
    nodes: plan.nodes,
    wanted: context.wanted,
    spares: context.spares,
    least: config.least,
    most: config.most,
    reasons: [...plan.reasons],
    problems: [...context.problems],
    size: context.size,
    price: price ?? null,
    ceiling: config.maxSpend ?? null,
    readyMs,
    work: {
      mean: work.reduce((sum, value) => sum + value, 0) / Math.max(1, work.length),
      most: work.reduce((most, value) => Math.max(most, value), 0),
      waiting: observation.waiting,
    },
    short: observation.short,
    forecast: plan.outlook === undefined ? [] : forecastOf(record),
    slow: [...plan.slow],
    groups: groupsOf(record, context.wanted),
    changes: plan.outlook === undefined ? [] : changesOf(record),
  };
}

/** With the nodes that each has of those that are wanted. Records of earlier builds have no groups. */
function groupsOf({ plan }: SizingRecord, wanted: number): SizingExplanation['groups'] {
  const { groups = [], grouping = '' }: Partial<SizingPlan> = plan;
  const shares = groups.length > wanted ? groups.map(() => 0) : shareNodes(groups, wanted);
  return {
    why: grouping,
    each: groups.map(({ endpoints, work, wait }, i) => ({
      endpoints: [...endpoints],
      nodes: shares[i]!,
      work,
      wait: Number.isFinite(wait) ? wait : null,
    })),
  };
}

function forecastOf(record: SizingRecord): SizingExplanation['forecast'] {
  const { forecaster } = decide(record.before, record.input, record.config).state;
  const leads = [...new Set([...HORIZONS, record.input.readyMs + record.config.reconfigureMs])];
  return leads
    .sort((a, b) => a - b)
    .map((aheadMs) => ({ aheadMs, ...expectWork(forecaster, aheadMs, 1 - record.config.shortShare) }));
}

/** Asks the decision itself what it would say to other work, bounds and money. */
function changesOf(record: SizingRecord): SizingExplanation['changes'] {
  const { nodes } = record.plan;
  const more = boundary(record, (plan) => plan.nodes > nodes, 1, MOST_FACTOR);
  const fewer = boundary(record, (plan) => plan.nodes < nodes, 1, 0);
  const free = planWith(record, 1, { most: Math.max(record.config.most, 1000), maxSpend: undefined });
  const unbound = planWith(record, 1, { least: 1 });
  return [
    ...(more === undefined
      ? []
      : [{ what: `work grows to ${percent(more.factor)} of what it was`, nodes: more.nodes }]),
    ...(fewer === undefined
      ? []
      : [{ what: `work falls to ${percent(fewer.factor)} of what it was`, nodes: fewer.nodes }]),
    ...(free.nodes > nodes ? [{ what: 'no maxNodes and no maxSpend', nodes: free.nodes }] : []),
    ...(unbound.nodes < nodes ? [{ what: 'no minNodes', nodes: unbound.nodes }] : []),
  ];
}

/** The factor nearest to `from` by which work must change for `differs` to hold; by halving, up to `to`. */
function boundary(
  record: SizingRecord,
  differs: (plan: SizingPlan) => boolean,
  from: number,
  to: number,
): { readonly factor: number; readonly nodes: number } | undefined {
  let plan = planWith(record, to);
  if (!differs(plan)) return undefined;
  let [same, other] = [from, to];
  for (let i = 0; i < HALVINGS; i += 1) {
    const middle = (same + other) / 2;
    const tried = planWith(record, middle);
    if (differs(tried)) [other, plan] = [middle, tried];
    else same = middle;
  }
  return { factor: other, nodes: plan.nodes };
}

/** As if work had been other than it was for long: a sudden change is told apart by its suddenness, too. */
function planWith(record: SizingRecord, factor: number, config: Partial<SizingConfig> = {}): SizingPlan {
  const { observation } = record.input;
  const work = observation.work.map((value) => value * factor);
  const input = { ...record.input, observation: { ...observation, work } };
  const { forecaster } = record.before;
  const before = {
    ...record.before,
    forecaster: { ...forecaster, signals: scaleSignals(forecaster.signals, factor), pending: [] },
  };
  return decide(before, input, { ...record.config, ...config }).plan;
}

function percent(factor: number): string {
  return `${Math.round(factor * 100)}%`;
}
