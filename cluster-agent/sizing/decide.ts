import type { DharmaErrorJson } from '../../common/index.js';
import {
  chooseSize,
  newForecaster,
  observeWork,
  reprice,
  type Forecaster,
  type Outlook,
} from './forecast/forecaster.js';
import {
  affordable,
  clockFault,
  faultOf,
  type EndpointTick,
  type SizingConfig,
  type SizingInput,
  targetOf,
  MOST_WORK,
  type AnnouncedRun,
} from './input.js';
import { gainOf, type Trial } from './returns.js';
import { isSlow, NO_WAIT_TEST, weighWait, type WaitTest } from './wait-test.js';

/** All that sizing remembers: plain data, bounded by the number of endpoints; kept over restarts and recorded. */
export interface SizingState {
  readonly forecaster: Forecaster;
  readonly waits: Readonly<Record<string, WaitTest>>;
  readonly trials: Readonly<Record<string, Trial>>;
  /**
   * How many nodes it really takes where work alone asks for one (≥ 1): learned where an endpoint was slow although the
   * forecast was covered, and forgotten again.
   */
  readonly strain: number;
  readonly lastAt: number;
  /** The last good plan's number of nodes; 0: there is none yet. */
  readonly lastNodes: number;
  /** Codes of what was said and still holds. */
  readonly said: readonly string[];
}

export interface SizingPlan {
  readonly nodes: number;
  /** Why so many, the one that decided first; for people. */
  readonly reasons: readonly string[];
  /** What is new to say to the operator; each once, until it has passed. */
  readonly notices: readonly DharmaErrorJson[];
  readonly outlook?: Outlook;
  /** Endpoints that are slow for certain. */
  readonly slow: readonly string[];
}

interface Decision {
  readonly state: SizingState;
  readonly plan: SizingPlan;
}

export function newSizing(config: Pick<SizingConfig, 'shortShare'>): SizingState {
  return {
    forecaster: newForecaster(config.shortShare),
    waits: {},
    trials: {},
    strain: 1,
    lastAt: 0,
    lastNodes: 0,
    said: [],
  };
}

/**
 * How many nodes a cluster is to have, and why: a function of what is remembered and what the last tick showed. Never
 * throws on what telemetry says: what cannot be is told, and the last good plan holds.
 */
export function decide(before: SizingState, input: SizingInput, config: SizingConfig): Decision {
  const have = input.nodes.serving + input.nodes.starting;
  const bad = faultOf(input, config);
  if (bad !== undefined) return hold(before, bad, have);
  const jumped = clockFault(before.lastAt, input.observation.at, config);
  if (jumped !== undefined) {
    const forecaster = { ...before.forecaster, pending: [] };
    return hold({ ...before, forecaster, lastAt: input.observation.at }, jumped, have);
  }
  return size(learn(before, input, config), input, config, have);
}

function hold(state: SizingState, fault: DharmaErrorJson, have: number): Decision {
  const nodes = Math.max(1, state.lastNodes === 0 ? have : state.lastNodes);
  return {
    state: { ...state, lastNodes: nodes, said: [...new Set([...state.said, fault.code])] },
    plan: {
      nodes,
      reasons: [`held at ${nodes}: ${fault.message}`],
      notices: state.said.includes(fault.code) ? [] : [fault],
      slow: [],
    },
  };
}

function learn(
  before: SizingState,
  { observation, announced }: SizingInput,
  config: SizingConfig,
): SizingState {
  // What was announced is known, and no noise to be learned.
  const first = observation.at - observation.work.length * 1000;
  const other = observation.work.map((work, i) =>
    Math.max(0, work - announcedAt(announced, first + i * 1000)),
  );
  const observed = observeWork(before.forecaster, other, observation.at);
  const waits = Object.fromEntries(
    observation.endpoints
      .filter(({ perfAvg }) => perfAvg !== undefined)
      .map(({ endpoint, count, over }) => [
        endpoint,
        weighWait(before.waits[endpoint] ?? NO_WAIT_TEST, count, over),
      ]),
  );
  return {
    ...before,
    forecaster: reprice(observed, observation.short, config.shortShare),
    waits: { ...before.waits, ...waits },
    lastAt: observation.at,
  };
}

function size(state: SizingState, input: SizingInput, config: SizingConfig, have: number): Decision {
  const purse = affordable(input, config);
  const most = Math.max(config.least, config.most);
  const { state: forecaster, outlook } = chooseSize(
    state.forecaster,
    { readyMs: input.readyMs, tickMs: config.reconfigureMs },
    {
      have,
      least: config.least,
      most,
      extra: announcedAhead(input, config),
      waiting: input.observation.waiting,
    },
  );
  const slow = input.observation.endpoints.filter(({ endpoint }) =>
    isSlow(state.waits[endpoint] ?? NO_WAIT_TEST),
  );
  const answer = answerSlow(state, slow, input, config, { have, forecast: outlook.nodes });
  const strained = Math.ceil(outlook.nodes * answer.strain - 1e-9);
  const wanted = Math.min(most, Math.max(strained, answer.least));
  const bound = bindToPurse(wanted, have, purse.nodes, config);
  const faults = [
    ...answer.faults,
    ...bound.faults,
    ...(purse.fault === undefined ? [] : [purse.fault]),
    ...overrides(outlook, input, config),
  ];
  return {
    state: {
      ...state,
      forecaster,
      trials: answer.trials,
      strain: answer.strain,
      lastNodes: bound.nodes,
      said: faults.map(({ code }) => code),
    },
    plan: {
      nodes: bound.nodes,
      reasons: reasonsOf(outlook, answer.least > outlook.nodes ? slow : [], bound.nodes, {
        wanted,
        have,
        strain: answer.strain,
      }),
      notices: faults.filter(({ code }) => !state.said.includes(code)),
      outlook,
      slow: slow.map(({ endpoint }) => endpoint),
    },
  };
}

/** Work of announced runs at a moment, in nodes. What cannot be is not counted. */
function announcedAt(announced: readonly AnnouncedRun[], at: number): number {
  return announced
    .filter(({ from, to, work }) => from <= at && at < to && Number.isFinite(work) && work > 0)
    .reduce((sum, { work }) => sum + Math.min(work, MOST_WORK), 0);
}

/** The most of it until the nodes of the next decision would be ready. */
function announcedAhead(
  { announced, observation, readyMs }: SizingInput,
  { reconfigureMs }: SizingConfig,
): number {
  const { at } = observation;
  const starts = announced
    .map(({ from }) => from)
    .filter((from) => from > at && from <= at + readyMs + reconfigureMs);
  return Math.max(...[at, ...starts].map((moment) => announcedAt(announced, moment)));
}

interface Answer {
  readonly trials: SizingState['trials'];
  readonly strain: number;
  /** No fewer nodes than this while a trial is under way. */
  readonly least: number;
  readonly faults: readonly DharmaErrorJson[];
}

/** One more node at a time, each judged by what it brought before the next is asked for. */
function answerSlow(
  state: SizingState,
  slow: readonly EndpointTick[],
  { nodes }: SizingInput,
  config: SizingConfig,
  { have, forecast }: { readonly have: number; readonly forecast: number },
): Answer {
  const trials: Record<string, Trial> = {};
  const faults: DharmaErrorJson[] = [];
  let strain = 1 + (state.strain - 1) * Math.exp(-config.reconfigureMs / STRAIN_MEMORY_MS);
  let least = 0;
  for (const { endpoint, median, perfAvg } of slow) {
    if (median === undefined || perfAvg === undefined) continue;
    const target = targetOf(perfAvg, config);
    const trial = state.trials[endpoint];
    const isOpen = trial !== undefined && (nodes.starting > 0 || nodes.serving <= trial.nodes);
    if (
      trial?.givenUp === true ||
      (trial !== undefined && !isOpen && !gainOf(trial, { nodes: nodes.serving, median }, target).worth)
    ) {
      if (!trial.givenUp) strain = Math.min(strain, trial.strain);
      trials[endpoint] = { ...trial, givenUp: true };
      faults.push(unattainable(endpoint, median, target));
    } else if (isOpen) {
      // Its node is on the way, or was not granted: what it brings cannot be told yet.
      trials[endpoint] = trial;
      least = Math.max(least, nodes.starting > 0 ? have : have + 1);
    } else if (forecast <= have) {
      trials[endpoint] = { nodes: have, median, strain, givenUp: false };
      least = Math.max(least, have + 1);
    }
  }
  const begun = Object.values(trials).some(({ givenUp, nodes: before }) => !givenUp && before === have);
  return { trials, faults, least, strain: begun ? Math.max(strain, least / forecast) : strain };
}

/** As long as residuals are remembered. */
const STRAIN_MEMORY_MS = 5 * 86_400_000;

function unattainable(endpoint: string, median: number, target: number): DharmaErrorJson {
  return {
    code: 'TARGET_UNATTAINABLE',
    message: `more nodes do not bring ${endpoint} to its target: the gain of the last one was not worth its price`,
    found: `median ${median.toFixed(1)} ms, target ${target.toFixed(1)} ms`,
    remedy:
      'Raise waitMultiplier, or look at what the endpoint waits for (a store, a lock, another service).',
  };
}

/** Money stops growth; what runs already is not stopped by it. */
function bindToPurse(
  wanted: number,
  have: number,
  afford: number,
  { maxSpend }: SizingConfig,
): { readonly nodes: number; readonly faults: readonly DharmaErrorJson[] } {
  if (wanted <= afford) return { nodes: wanted, faults: [] };
  const below = have > afford;
  const fault = {
    code: below ? 'CEILING_BELOW_RUNNING' : 'CEILING_REACHED',
    message: below
      ? 'the ceiling of spending is below what already runs: nothing is added, and nothing is stopped for it'
      : 'the ceiling of spending is reached: scaling stops',
    found: `${wanted} nodes wanted, ${have} there, ${afford} allowed by ${maxSpend} USD an hour`,
    remedy: 'Raise maxSpend, choose a smaller node size, or lower minNodes.',
  };
  return { nodes: Math.max(1, Math.min(wanted, Math.max(afford, have))), faults: [fault] };
}

/** Where the operator's overrides hold: seen, so that nobody wonders. */
function overrides(
  { nodes, work }: Outlook,
  { observation }: SizingInput,
  config: SizingConfig,
): DharmaErrorJson[] {
  const { most, least, targetCeilingMs, waitMultiplier } = config;
  const held = observation.endpoints.find(
    ({ perfAvg }) => perfAvg !== undefined && perfAvg * waitMultiplier > targetOf(perfAvg, config),
  );
  return [
    ...(most < least
      ? [
          {
            code: 'CAP_BELOW_FLOOR',
            message: 'maxNodes is below minNodes: the floor holds',
            found: `${most} < ${least}`,
            remedy: 'Set maxNodes to at least minNodes.',
          },
        ]
      : nodes >= most && work > most
        ? [
            {
              code: 'CAP_REACHED',
              message: 'maxNodes holds back nodes that the forecast asks for',
              found: `${work.toFixed(1)} nodes of work, at most ${most}`,
              remedy: 'Raise maxNodes.',
            },
          ]
        : []),
    ...(held === undefined
      ? []
      : [
          {
            code: 'TARGET_CAPPED',
            message: `waitMultiplier would let ${held.endpoint} take longer than the ceiling of targets, which holds`,
            found: `${(held.perfAvg! * waitMultiplier).toFixed(0)} ms, ceiling ${targetCeilingMs} ms`,
            remedy: 'Lower waitMultiplier, or raise the ceiling if such a wait is meant.',
          },
        ]),
  ];
}

function reasonsOf(
  outlook: Outlook,
  slow: readonly EndpointTick[],
  nodes: number,
  { wanted, have, strain }: { readonly wanted: number; readonly have: number; readonly strain: number },
): string[] {
  const forecast =
    `${outlook.nodes} for a forecast of ${outlook.work.toFixed(2)} nodes of work (${outlook.method}); ` +
    `${(outlook.short * 100).toFixed(2)}% of seconds short expected, a short second priced at ${outlook.shortPrice.toFixed(0)} node-seconds`;
  return [
    ...(nodes < wanted ? [`${wanted} wanted, ${nodes} allowed by the ceiling`] : []),
    ...slow.map(
      ({ endpoint, median, perfAvg }) =>
        `${endpoint} is slow for certain: median ${median} ms, perfAvg ${perfAvg} ms`,
    ),
    forecast,
    ...(strain > 1.005
      ? [`times ${strain.toFixed(2)}: so many more it took of late to keep endpoints at their targets`]
      : []),
    ...(nodes < have ? [`${have - nodes} fewer: the plan without them still holds`] : []),
  ];
}
