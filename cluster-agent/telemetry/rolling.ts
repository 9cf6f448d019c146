import {
  histogramQuantile,
  mergeHistograms,
  type HistogramBucket,
  type TelemetryFrame,
} from '../../common/index.js';

/** How one endpoint did within the window. Times in ms, of successes; undefined where there was none. */
export interface EndpointWindow {
  readonly endpoint: string;
  readonly count: number;
  readonly errors: number;
  readonly median: number | undefined;
  readonly p99: number | undefined;
}

interface Slice {
  readonly at: number;
  readonly frame: TelemetryFrame;
}

/** A proxy's measurements over a sliding window, from the frames of all its workers. No I/O: time is handed in, ms. */
export class RollingTelemetry {
  readonly #windowMs: number;
  #slices: Slice[] = [];
  /** The last frame of each worker, however old: what is open stays open while nothing is said. */
  readonly #latest = new Map<number, TelemetryFrame>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(frame: TelemetryFrame, at: number): void {
    this.#latest.set(frame.worker, frame);
    this.#slices.push({ at, frame });
    this.#forget(at);
  }

  /** All endpoints that had a request in the window that ends now, ordered by name. */
  endpoints(now: number): EndpointWindow[] {
    this.#forget(now);
    const byName = new Map<
      string,
      { count: number; errors: number; histograms: (readonly HistogramBucket[])[] }
    >();
    for (const entry of this.#slices.flatMap(({ frame }) => frame.entries)) {
      const sum = byName.get(entry.endpoint) ?? { count: 0, errors: 0, histograms: [] };
      sum.count += entry.count;
      sum.errors += entry.errors;
      sum.histograms.push(entry.histogram);
      byName.set(entry.endpoint, sum);
    }
    return [...byName]
      .filter(([, { count }]) => count > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([endpoint, { count, errors, histograms }]) => {
        const histogram = mergeHistograms(...histograms);
        return {
          endpoint,
          count,
          errors,
          median: quantileMs(histogram, 0.5),
          p99: quantileMs(histogram, 0.99),
        };
      });
  }

  /**
   * Requests open on a node, by a telling that every worker made under the config `generation` or a later one;
   * undefined until there is one.
   */
  openOn(node: string, generation: number): number | undefined {
    const frames = [...this.#latest.values()];
    if (frames.length === 0 || frames.some((frame) => frame.generation < generation)) return undefined;
    return frames
      .flatMap(({ entries }) => entries)
      .filter((entry) => entry.node === node)
      .reduce((sum, entry) => sum + entry.open, 0);
  }

  #forget(now: number): void {
    const from = now - this.#windowMs;
    if (this.#slices.length > 0 && this.#slices[0]!.at < from)
      this.#slices = this.#slices.filter(({ at }) => at >= from);
  }
}

function quantileMs(histogram: readonly HistogramBucket[], q: number): number | undefined {
  const us = histogramQuantile(histogram, q);
  return us === undefined ? undefined : us / 1000;
}
