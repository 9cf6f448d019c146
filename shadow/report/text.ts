import pico from 'picocolors';
import {
  formatDuration,
  type Difference,
  type GuardCount,
  type Ledger,
  type NoiseSeen,
  type ShadowReport,
} from '../../common/index.js';

import { renderAttribution } from './attribution-text.js';
import { describeCron } from './cron-text.js';
import { renderPerformance } from './performance-text.js';
import { valueDiff } from './value-diff.js';

export interface RenderOptions {
  /** ANSI colours: for a terminal only. */
  readonly color: boolean;
  /** Columns a line may have. Default 100. */
  readonly width?: number;
}

type Colors = ReturnType<typeof pico.createColors>;

/** Noisy places listed; the rest are counted. */
const LISTED_NOISE = 12;

/** The report for a terminal: ledger and verdict first, then what differs, what is noise, what was not covered. */
export function renderReport(report: ShadowReport, options: RenderOptions): string {
  const colors = pico.createColors(options.color);
  const width = options.width ?? 100;
  return [
    ...renderHead(report, colors),
    '',
    ...renderLedger(report.ledger),
    ...renderGuard(report.guard),
    '',
    ...renderDifferences(report, colors, width),
    ...(report.attribution === undefined
      ? []
      : renderAttribution(report.attribution, report.differences, colors, (line) => clip(line, width))),
    ...renderNoise(report.noise, colors),
    ...renderCoverage(report),
    ...(report.performance === undefined ? [] : renderPerformance(report.performance)),
    ...(report.cron === undefined
      ? []
      : describeCron(report.cron).map((line, i) => `${(i === 0 ? 'cron' : '').padEnd(11)}${line}`)),
    ...renderTimings(report),
  ].join('\n');
}

function renderHead(report: ShadowReport, colors: Colors): string[] {
  const paint = { identical: colors.green, differs: colors.red, inconclusive: colors.yellow }[report.verdict];
  const changes = report.packages.map(
    ({ name, old, new: fresh }) => `${name} ${old ?? '(none)'} → ${fresh ?? '(none)'}`,
  );
  const shown =
    changes.slice(0, 5).join(', ') + (changes.length > 5 ? `, and ${changes.length - 5} more` : '');
  return [
    `${colors.bold(paint(report.verdict.toUpperCase()))}  ${report.because}`,
    `upgrade    ${report.upgrade}: old ${report.old.release}, new ${report.new.release}`,
    ...(changes.length === 0 ? [] : [`packages   ${shown}`]),
  ];
}

function renderLedger(ledger: Ledger): string[] {
  const dropped = Object.entries(ledger.dropped).map(([reason, count]) => `${count} ${reason}`);
  return [
    `exchanges  ${ledger.captured} captured = ${ledger.compared} compared + ${ledger.unbound} unbound + ` +
      `${ledger.truncated} truncated + ${ledger.unanswered} unanswered + ${sum(Object.values(ledger.dropped))} dropped + ` +
      `${ledger.pending} pending`,
    ...(dropped.length === 0 ? [] : [`dropped    ${dropped.join(', ')}`]),
  ];
}

function renderGuard(guard: GuardCount): string[] {
  const calls = sum(guard.calls.map(({ count }) => count));
  return [
    `guard      ${calls} calls held back (${guard.answered} answered with what live got, ${guard.stubbed > 0 ? `${guard.stubbed} by stubs, ` : ''}${guard.refused} refused), ` +
      `${guard.escaped} escaped; enforced by ${guard.enforcement}`,
  ];
}

function renderDifferences(report: ShadowReport, colors: Colors, width: number): string[] {
  const lines: string[] = [];
  for (const { endpoint, compared } of report.coverage.endpoints) {
    const differences = report.differences.filter((difference) => difference.endpoint === endpoint);
    if (differences.length === 0) continue;
    const failing = Math.max(0, ...differences.filter(({ accepted }) => !accepted).map(({ count }) => count));
    lines.push(`${colors.bold(endpoint)}  ${failing} failing of ${compared}`);
    for (const difference of differences) lines.push(...renderDifference(difference, colors, width));
  }
  const known = new Set(report.coverage.endpoints.map(({ endpoint }) => endpoint));
  for (const difference of report.differences.filter(({ endpoint }) => !known.has(endpoint)))
    lines.push(colors.bold(difference.endpoint), ...renderDifference(difference, colors, width));
  return lines.length === 0 ? lines : [...lines, ''];
}

function renderDifference(difference: Difference, colors: Colors, width: number): string[] {
  const { where, detail, traits = [] } = difference;
  const inside = [...(detail === undefined ? [] : [detail]), ...traits].join(', ');
  const place = inside === '' ? where : `${where} (${inside})`;
  const risk = { high: colors.red, medium: colors.yellow, low: colors.cyan }[difference.risk](
    difference.risk,
  );
  const mark = difference.accepted ? colors.dim('accepted ') : '';
  const lines = [
    `  ${mark}${place}  ${difference.kind}, risk ${risk}, ${difference.count} of ${difference.of}, ` +
      `noise ${difference.noise}, ${Math.floor(difference.confidence * 1000) / 10}% sure  ${colors.dim(difference.id)}`,
  ];
  if (difference.acceptedBecause !== undefined)
    lines.push(clip(`    because: ${difference.acceptedBecause}`, width));
  if (difference.accepted) return lines;
  const covered = difference.changes.some(({ accepted }) => accepted);
  for (const { kind, old, new: fresh } of difference.changes.filter(({ accepted }) => covered && !accepted))
    lines.push(clip(`    not as accepted: ${kind}, ${old} → ${fresh}`, width));
  const example = difference.examples[0];
  if (example === undefined) return lines;
  const { method, target, index } = example.request;
  if (method !== '') lines.push(clip(`    #${index} ${method} ${target}`, width));
  lines.push(
    clip(`    old  ${example.old ?? '(absent)'}`, width),
    clip(`    new  ${example.new ?? '(absent)'}`, width),
    ...valueDiff(example.old, example.new).map((line) => colors.dim(clip(`         ${line}`, width))),
  );
  return lines;
}

function renderNoise(noise: readonly NoiseSeen[], colors: Colors): string[] {
  if (noise.length === 0) return [];
  const listed = [...noise].sort((a, b) => b.count - a.count).slice(0, LISTED_NOISE);
  const rest = noise.length - listed.length;
  return [
    colors.bold('noise, not counted'),
    ...listed.map(
      ({ endpoint, where, count, of, shape }) => `  ${endpoint}  ${where}  ${count} of ${of}  ${shape}`,
    ),
    ...(rest > 0 ? [`  and ${rest} more places`] : []),
    '',
  ];
}

function renderCoverage(report: ShadowReport): string[] {
  const { neverHit, bodiesNotCompared, endpoints } = report.coverage;
  const lines = [
    ...(neverHit.length === 0 ? [] : [`not hit    ${neverHit.join(', ')}`]),
    ...bodiesNotCompared.map((why) => `not read   ${why}`),
    ...(report.coverage.caveats ?? []).map((caveat) => `caveat     ${caveat}`),
  ];
  return [`covered    ${endpoints.length} endpoints, ${report.requests} exchanges compared`, ...lines];
}

function renderTimings(report: ShadowReport): string[] {
  const { cloneMs, replayedMs, lagMs, armMedianMs } = report.timings;
  const medians = Object.entries(armMedianMs).map(([arm, ms]) => `${arm} ${ms.toFixed(1)} ms`);
  return [
    `timings    clone ${formatDuration(cloneMs)}, replay ${formatDuration(replayedMs)}, behind live ${formatDuration(lagMs)}` +
      (medians.length === 0 ? '' : `; median answer ${medians.join(', ')}`),
  ];
}

function clip(line: string, width: number): string {
  const flat = line.replace(/\p{Cc}/gu, ' ');
  return flat.length > width ? `${flat.slice(0, width - 1)}…` : flat;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
