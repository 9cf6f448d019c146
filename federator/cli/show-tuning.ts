import { formatDuration } from '../../common/index.js';
import type { TuningView } from '../tuning/view.js';
import type { Printer } from './printer.js';

/** Steps that are shown without --json. */
const SHOWN_STEPS = 12;

/** What tuning does, for people. */
export function showTuning(view: TuningView, printer: Printer, now = Date.now()): void {
  const { colors: c } = printer;
  const ago = (at: number): string =>
    `${formatDuration(Math.max(0, Math.round((now - at) / 1000) * 1000))} ago`;
  const line = (label: string, text: string): void => printer.line(`${c.dim(label.padEnd(10))} ${text}`);
  line(
    'tuning',
    view.on ? (view.hold === undefined ? 'on' : `on, and holds: ${view.hold}`) : (view.hold ?? 'off'),
  );
  if (view.best !== null) line('best', configText(view.best));
  for (const [i, [key, bounds]] of Object.entries(view.space).entries())
    line(i === 0 ? 'may set' : '', `${key}: ${bounds}`);
  showTrial(view, line);
  if (view.trial === null && view.restUntil !== undefined)
    line(
      'rests',
      `until ${new Date(view.restUntil).toISOString()}: no step from the best config is left to try`,
    );
  printer.line();
  printer.table(
    ['CLUSTER', 'CONFIG', 'SHARE', ''],
    view.clusters.map(({ cluster, config, weight, pinned, notTuned }) => [
      cluster,
      configText(config),
      weight.toFixed(2),
      pinned ? 'pinned' : (notTuned ?? roleOf(view, cluster)),
    ]),
  );
  if (view.steps.length === 0) return;
  printer.line();
  for (const { id, at, kind, what, because } of view.steps.slice(0, SHOWN_STEPS)) {
    printer.line(`${String(id).padStart(4)}  ${kind.padEnd(10)} ${what}  ${c.dim(ago(at))}`);
    printer.line(`      ${c.dim(because)}`);
  }
}

function showTrial({ trial }: TuningView, line: (label: string, text: string) => void): void {
  if (trial === null) return;
  line('tries', `${trial.what} (${trial.because})`);
  line('', `better in ${trial.won} of ${trial.compared} comparisons, ${trial.budget} at most; ${trial.gain}`);
  line(
    '',
    `${(trial.certainty * 100).toFixed(0)}% of the evidence that it takes to be wrong once in ${Math.floor(1 / trial.alpha)} such trials`,
  );
  const whose = trial.phase === 'settling' ? 'waits until it shows' : 'measures';
  line(
    '',
    `${whose}: ${trial.challenging.join(', ') || 'nobody'} with it, ${trial.holding.join(', ') || 'nobody'} without`,
  );
}

function roleOf({ on, trial }: TuningView, cluster: string): string {
  if (!on) return '';
  return trial?.challenging.includes(cluster) === true ? 'has what is tried' : 'has the best';
}

function configText(config: TuningView['clusters'][number]['config']): string {
  return Object.entries(config)
    .map(([key, value]) => {
      if (typeof value === 'string') return `${key} ${value}`;
      return `${key} ${key === 'reconfigure' ? formatDuration(value) : Number(value.toPrecision(3))}`;
    })
    .join(', ');
}
