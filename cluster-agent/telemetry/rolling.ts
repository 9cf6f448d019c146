import {
  histogramQuantile,
  mergeHistograms,
  type EndpointNode,
  type HistogramBucket,
  type TelemetryFrame,
} from '../../common/index.js';

/** What was counted of one endpoint on one node, or on all, within the window. Times in ms, of successes; undefined where there was none. */
export interface Tally {
  /** Finished, errors included; errors apart. */
  readonly count: number;
  readonly errors: number;
  readonly median: number | undefined;
  readonly p90: number | undefined;
  readonly p99: number | undefined;
  /** Requests open by the last telling. */
  readonly open: number;
}

/** How one endpoint did within the window, over all nodes and on each. */
export interface EndpointWindow extends Tally {
  readonly endpoint: string;
  /** Requests a second. */
  readonly frequency: number;
  readonly nodes: readonly (Tally & { readonly node: string })[];
}

interface Slice {
  readonly at: number;
  readonly frame: TelemetryFrame;
}

/** A proxy's measurements over a sliding window, from the frames of all its workers. No I/O: time is handed in, ms. */
export class RollingTelemetry {
  readonly #windowMs: number;
  #slices: Slice[] = [];
  /** The last frame of each worker of each process, however old: what is open stays open while nothing is said. */
  readonly #latest = new Map<number, Map<number, TelemetryFrame>>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** `process`: its pid; while one takes another's place both tell. */
  add(frame: TelemetryFrame, at: number, process: number): void {
    const workers = this.#latest.get(process) ?? new Map<number, TelemetryFrame>();
    this.#latest.set(process, workers.set(frame.worker, frame));
    this.#slices.push({ at, frame });
    this.#forget(at);
  }

  /** A process has ended, and with it all that was open there. */
  forget(process: number): void {
    this.#latest.delete(process);
  }

  /** All endpoints that had a request in the window that ends now, or have one open; ordered by name. */
  endpoints(now: number): EndpointWindow[] {
    this.#forget(now);
    const open = openCounts([...this.#latest.values()].flatMap((workers) => [...workers.values()]));
    const finished = new Map<string, EndpointNode[]>();
    for (const entry of this.#slices.flatMap(({ frame }) => frame.entries))
      if (entry.count > 0) finished.set(entry.endpoint, [...(finished.get(entry.endpoint) ?? []), entry]);
    const names = new Set([...finished.keys(), ...open.keys()]);
    return [...names].sort().map((endpoint) => {
      const entries = finished.get(endpoint) ?? [];
      const openOn = open.get(endpoint) ?? new Map<string, number>();
      const nodes = new Set([...entries.map(({ node }) => node), ...openOn.keys()]);
      return {
        endpoint,
        ...tally(entries, sum(openOn.values())),
        frequency: (sum(entries.map(({ count }) => count)) * 1000) / this.#covered(now),
        nodes: [...nodes].sort().map((node) => ({
          node,
          ...tally(
            entries.filter((entry) => entry.node === node),
            openOn.get(node) ?? 0,
          ),
        })),
      };
    });
  }

  /** Requests that were malformed, in the window that ends now. */
  glitches(now: number): number {
    this.#forget(now);
    return this.#slices.reduce((sum, { frame }) => sum + frame.glitches, 0);
  }

  /**
   * Requests open on a node, by a telling that every worker made under the config `generation` or a later one;
   * undefined until there is one.
   */
  openOn(node: string, generation: number): number | undefined {
    const frames = [...this.#latest.values()].flatMap((workers) => [...workers.values()]);
    if (frames.length === 0 || frames.some((frame) => frame.generation < generation)) return undefined;
    return frames
      .flatMap(({ entries }) => entries)
      .filter((entry) => entry.node === node)
      .reduce((sum, entry) => sum + entry.open, 0);
  }

  /** How much of the window the slices tell of, ms. */
  #covered(now: number): number {
    const [first] = this.#slices;
    if (first === undefined) return this.#windowMs;
    return Math.max(1, Math.min(this.#windowMs, now - first.at + Number(first.frame.intervalNs) / 1e6));
  }

  #forget(now: number): void {
    const from = now - this.#windowMs;
    if (this.#slices.length > 0 && this.#slices[0]!.at < from)
      this.#slices = this.#slices.filter(({ at }) => at >= from);
  }
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Open requests by endpoint and node. */
function openCounts(frames: readonly TelemetryFrame[]): Map<string, Map<string, number>> {
  const counts = new Map<string, Map<string, number>>();
  for (const { endpoint, node, open } of frames.flatMap(({ entries }) => entries).filter((e) => e.open > 0)) {
    const nodes = counts.get(endpoint) ?? new Map<string, number>();
    counts.set(endpoint, nodes.set(node, (nodes.get(node) ?? 0) + open));
  }
  return counts;
}

function tally(entries: readonly EndpointNode[], open: number): Tally {
  const histogram = mergeHistograms(...entries.map((entry) => entry.histogram));
  return {
    count: sum(entries.map(({ count }) => count)),
    errors: sum(entries.map(({ errors }) => errors)),
    median: quantileMs(histogram, 0.5),
    p90: quantileMs(histogram, 0.9),
    p99: quantileMs(histogram, 0.99),
    open,
  };
}

function quantileMs(histogram: readonly HistogramBucket[], q: number): number | undefined {
  const us = histogramQuantile(histogram, q);
  return us === undefined ? undefined : us / 1000;
}
