import type { DharmaErrorJson } from '../../common/index.js';
import {
  chooseSize,
  newForecaster,
  observeWork,
  reprice,
  type Forecaster,
  type Outlook,
} from './forecast/forecaster.js';
import { announcedAhead, announcedAt } from './announced.js';
import { answerSlow } from './answer-slow.js';
import { chooseGrouping, NO_GROUPING, type GroupingChoice, type GroupingState } from './grouping-choice.js';
import type { NodeGroup } from './grouping.js';
import {
  affordable,
  clockFault,
  faultOf,
  type SizingConfig,
  type SizingInput,
  targetOf,
  type EndpointTick,
} from './input.js';
import type { Trial } from './returns.js';
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
  /** Absent from what earlier builds kept. */
  readonly grouping?: GroupingState;
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
  /** Which endpoints share nodes; none: all do. And why. */
  readonly groups: readonly NodeGroup[];
  readonly grouping: string;
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
      groups: state.grouping?.groups ?? [],
      grouping: 'held',
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
  const alike = Math.min(most, Math.max(strained, answer.least));
  const grouping = groupBy(state, input, config, { outlook, decided: alike });
  const wanted = Math.min(most, Math.max(alike, grouping.nodes));
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
      // What more nodes brought, and who was slow, was learned of the nodes as they were shared.
      ...(grouping.isNew
        ? { trials: {}, strain: 1, waits: {} }
        : { trials: answer.trials, strain: answer.strain }),
      lastNodes: bound.nodes,
      said: faults.map(({ code }) => code),
      grouping: grouping.state,
    },
    plan: {
      nodes: bound.nodes,
      reasons: [
        ...reasonsOf(outlook, answer.least > outlook.nodes ? slow : [], bound.nodes, {
          wanted,
          have,
          strain: answer.strain,
        }),
        ...guessesOf(input.observation),
        ...(wanted > alike ? [`${grouping.nodes} for its groups of endpoints to keep their targets`] : []),
      ],
      notices: faults.filter(({ code }) => !state.said.includes(code)),
      outlook,
      slow: slow.map(({ endpoint }) => endpoint),
      groups: grouping.state.groups,
      grouping: grouping.why,
    },
  };
}

/** What stands on no measurement is said. */
function guessesOf({ guesses = [] }: SizingInput['observation']): string[] {
  if (guesses.length === 0) return [];
  const names = guesses.map(({ task }) => task).join(', ');
  return [
    `nobody has done ${names} yet: taken for ${guesses[0]!.seconds.toPrecision(2)} s each until somebody has`,
  ];
}

function groupBy(
  { grouping = NO_GROUPING }: SizingState,
  { observation: { loads = [] } }: SizingInput,
  config: SizingConfig,
  { outlook, decided }: { readonly outlook: Outlook; readonly decided: number },
): GroupingChoice {
  const settings = config.grouping ?? { mode: 'off', least: 1, most: 1, fixed: true };
  const sight = { loads, work: outlook.work, forecast: outlook.nodes };
  const choice = chooseGrouping(
    grouping,
    { ...sight, decided: settings.fixed ? settings.most : decided },
    settings,
  );
  // The number is the config's: what sizing would choose is told of work alone.
  return settings.fixed ? { ...choice, nodes: 0 } : choice;
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
