import Table from 'cli-table3';
import type { EntryResult } from './entries/entry.js';
import type { Spread } from './statistics.js';

const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const show = (spread: Spread | undefined): string => (spread === undefined ? '' : showSpread(spread));
const showSpread = ({ min, median, max }: Spread): string =>
  `${digits(median)}  (${digits(min)} – ${digits(max)})`;

/** cli-table3 with no colour of its own: output may go to a file. */
function table(head: string[], rows: readonly string[][]): string {
  const made = new Table({ head, style: { head: [], border: [] } });
  made.push(...rows.map((row) => [...row]));
  return made.toString();
}

/** An entry's result for a person. Every figure is a median over the rounds, with the smallest and largest. */
export function render(result: EntryResult): string {
  const { rounds, seconds, connections } = result.effort;
  const figures = result.figures.map((f) => [
    f.name,
    show(f.requestsPerSecond),
    show(f.cpuPerRequest),
    show(f.p50),
    show(f.p99),
    String(f.errors),
  ]);
  const ratios = result.ratios.map((r) => [
    `${r.of} / ${r.to}`,
    show(r.cpuPerRequest),
    show(r.requestsPerSecond),
    show(r.p99),
  ]);
  return [
    result.tables !== undefined
      ? `${result.entry}: ${result.load}`
      : `${result.entry}: ${rounds} rounds of ${seconds} s, ${connections} keep-alive clients, load by ${result.load}; median (min – max)`,
    ...(figures.length === 0
      ? []
      : [table(['', 'requests/s', 'CPU µs/request', 'p50 µs', 'p99 µs', 'errors'], figures)]),
    ...(ratios.length === 0
      ? []
      : [table(['ratio, round by round', 'CPU/request', 'requests/s', 'p99'], ratios)]),
    ...(result.times === undefined
      ? []
      : [
          table(
            ['', 'ms'],
            result.times.map(({ name, ms }) => [name, show(ms)]),
          ),
        ]),
    ...(result.tables ?? []).map(({ head, rows }) =>
      table(
        [...head],
        rows.map((row) => [...row]),
      ),
    ),
    ...result.notes.map((note) => `note: ${note}`),
    '',
  ].join('\n');
}
