import {
  formatBytes,
  type CostComparison,
  type CostQuantile,
  type NodeLimits,
  type Performance,
} from '../../common/index.js';

/** One cost, in words. */
interface CostTold {
  readonly what: string;
  readonly old: string;
  readonly new: string;
  readonly noise: string;
  readonly told: string;
}

/** What the update costs, in words: rows of a table, a line on memory, and one on what copies might take where that was said. */
export function describePerformance({ latencyMs, cpuMs, memory, limits }: Performance): {
  readonly shown: readonly CostTold[];
  readonly memory: string;
  readonly sizes?: string;
} {
  return {
    shown: [...describeLatency(latencyMs), row('CPU an exchange', ms(cpuMs.old), ms(cpuMs.new), cpuMs)],
    memory: `Memory, now and at most: ${memory
      .map(({ arm, rssBytes, peakBytes }) => `${arm} ${formatBytes(rssBytes)}, ${formatBytes(peakBytes)}`)
      .join('; ')}`,
    ...(limits === undefined
      ? {}
      : { sizes: `A copy could take: old ${limit(limits.old)}; new ${limit(limits.new)}` }),
  };
}

/** Times to answer, in words. */
export function describeLatency({
  old,
  new: fresh,
  typical,
  tail,
}: Performance['latencyMs']): readonly CostTold[] {
  return [
    row('median answer', quantile(old.p50), quantile(fresh.p50), typical),
    row('95th percentile', quantile(old.p95), quantile(fresh.p95), tail),
    row('99th percentile', quantile(old.p99), quantile(fresh.p99), undefined),
  ];
}

/** The same for a terminal. */
export function renderPerformance(performance: Performance): string[] {
  const { shown, memory, sizes } = describePerformance(performance);
  const [first, ...others] = shown.map(
    (one) => `${one.what}: old ${one.old}, new ${one.new}${one.told === '' ? '' : ` (${one.told})`}`,
  );
  return [
    `costs      ${first}`,
    ...[...others, memory, ...(sizes === undefined ? [] : [sizes])].map((line) => `           ${line}`),
  ];
}

function row(what: string, old: string, fresh: string, compared: CostComparison | undefined): CostTold {
  if (compared === undefined) return { what, old, new: fresh, noise: '', told: '' };
  const { told, confidence, noise } = compared;
  const percent =
    compared.old > 0 ? `${Math.abs(Math.round((compared.new / compared.old - 1) * 100))}% ` : '';
  const sure = `${Math.min(999, Math.floor(confidence * 1000)) / 10}% sure`;
  return {
    ...{ what, old, new: fresh, noise: ms(noise) },
    told: told === 'untold' ? 'no difference told' : `${percent}${told}, ${sure}`,
  };
}

function limit(limits: NodeLimits | undefined): string {
  if (limits === undefined) return 'all there is';
  const { cpus, memory } = limits;
  return `${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'}, ${formatBytes(memory)}`;
}

function quantile({ value, low, high }: CostQuantile): string {
  return `${ms(value)} (${low.toFixed(1)}–${high.toFixed(1)})`;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
