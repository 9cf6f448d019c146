import { join } from 'node:path';
import { SHORT_SHARE } from '../../cluster-agent/sizing/forecast/forecaster.js';
import { comparePolicies, type Row } from '../sizing/compare-policies.js';
import { cronRuns, syntheticTraces } from '../sizing/synthetic.js';
import { givenTraces } from '../sizing/traces.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

const TRACES = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'data', 'traces');
const HEAD = ['load', 'ready in', '', '% s short', '% requests over', 'cost / oracle', 'changes a day'];

function cells({ trace, readySeconds, who, score, ratio }: Row): string[] {
  return [
    trace,
    `${readySeconds} s`,
    who,
    (score.short * 100).toFixed(3),
    (score.over * 100).toFixed(3),
    ratio.toFixed(3),
    score.changesPerDay.toFixed(0),
  ];
}

async function run(context: EntryContext): Promise<EntryResult> {
  const given = givenTraces(TRACES);
  const rows: Row[] = [];
  for (const trace of [...given, ...syntheticTraces()]) {
    const announced = trace.name.startsWith('cron') ? cronRuns(trace.seconds.length) : [];
    for (const readySeconds of [10, 60]) {
      const world = { tickSeconds: 60, readySeconds, targetSeconds: 0.1 };
      rows.push(...comparePolicies(trace, world, SHORT_SHARE, announced));
      context.say(`sizing: ${trace.name}, ready in ${readySeconds} s`);
    }
  }
  return {
    entry: 'sizing',
    load: 'simulated fleets of 8 nodes in the mean, ticks of 60 s',
    effort: context.effort,
    figures: [],
    ratios: [],
    tables: [{ head: HEAD, rows: rows.map(cells) }],
    notes: given.length === 0 ? ['the given traces are not there: synthetic ones alone'] : [],
  };
}

export const sizingEntry: Entry = {
  name: 'sizing',
  about: 'how many nodes: the sizing core against HPA, KPA, reactive and an oracle, simulated',
  run,
};
