import { formatDuration, type CronRehearsal } from '../../common/index.js';
import { describeLatency } from './performance-text.js';

/** What a rehearsed cron did, in lines. */
export function describeCron(cron: CronRehearsal): readonly string[] {
  const { name, runs, failed, problem, tookMs, cpuMs, beside, busyCpus, nodes } = cron;
  const count = `${runs} ${runs === 1 ? 'run' : 'runs'}${failed === 0 ? '' : `, ${failed} of them failed`}`;
  return [
    runs === 0
      ? `${name}: no run has ended yet`
      : `${name}: ${count}; each took ${formatDuration(tookMs)}, and ${formatDuration(cpuMs)} of CPU`,
    ...(problem === undefined ? [] : [problem]),
    ...(beside === undefined
      ? []
      : describeLatency(beside.latencyMs).map(
          ({ what, old, new: fresh, told }) =>
            `${what} while it ran: ${old} without it, ${fresh} beside it${told === '' ? '' : ` (${told})`}`,
        )),
    ...(runs === 0
      ? []
      : [
          `CPUs busy: ${busyCpus.requests.toFixed(2)} with requests, ${busyCpus.run.toFixed(2)} more while it runs`,
        ]),
    ...(runs === 0 || nodes === undefined
      ? []
      : [`Nodes of that size, by CPU alone: ${nodes.withRun} while it runs, ${nodes.requests} otherwise`]),
  ];
}
