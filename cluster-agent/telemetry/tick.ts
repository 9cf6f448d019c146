import type { HistogramBucket, LimitsFrame, TelemetryFrame } from '../../common/index.js';

/** What one frame says: requests that came within its interval, and what was open at its end. */
export interface TickSlice {
  /** Monotonic, ms. */
  readonly from: number;
  readonly to: number;
  /** Of which process: while one takes another's place both tell. */
  readonly worker: string;
  /** Requests that came (finished, and more open than before), by endpoint. */
  readonly arrived: ReadonlyMap<string, number>;
  readonly open: ReadonlyMap<string, number>;
  /** Requests that wait at the proxy for a node. */
  readonly queued: number;
}

/** Finished requests of one endpoint within the tick. */
export interface TickEndpoint {
  readonly endpoint: string;
  readonly successes: number;
  readonly errors: number;
  /** Sum of the durations of successes, ms. */
  readonly sumMs: number;
  readonly histogram: readonly HistogramBucket[];
}

export interface Tick {
  /** Monotonic, ms. */
  readonly from: number;
  readonly to: number;
  readonly slices: readonly TickSlice[];
  readonly endpoints: readonly TickEndpoint[];
  /** When the last frame was made, ms since 1970 by the proxy's clock; 0: there was none yet. */
  readonly toldAt: number;
}

/** What a proxy tells between two decisions. No I/O: time is handed in, monotonic ms. */
export class TickTelemetry {
  #from: number;
  #slices: TickSlice[] = [];
  #endpoints = new Map<string, TickEndpoint>();
  #toldAt = 0;
  /** By worker of a process; kept over ticks. */
  readonly #open = new Map<string, ReadonlyMap<string, number>>();
  readonly #queued = new Map<string, number>();

  constructor(now: number) {
    this.#from = now;
  }

  /** `process`: the proxy's pid. */
  add(frame: TelemetryFrame, at: number, process: number): void {
    const worker = workerOf(frame, process);
    const open = new Map<string, number>();
    const arrived = new Map<string, number>();
    for (const entry of frame.entries) {
      plus(open, entry.endpoint, entry.open);
      plus(arrived, entry.endpoint, entry.count + entry.open);
      if (entry.count > 0) this.#finish(entry);
    }
    for (const [endpoint, before] of this.#open.get(worker) ?? []) plus(arrived, endpoint, -before);
    this.#open.set(worker, open);
    this.#slices.push({
      from: at - Number(frame.intervalNs) / 1e6,
      to: at,
      worker,
      // A proxy that started anew has fewer open than the one before it: nothing came.
      arrived: new Map([...arrived].filter(([, count]) => count > 0)),
      open,
      queued: this.#queued.get(worker) ?? 0,
    });
    this.#toldAt = frame.wallUs / 1000;
  }

  addLimits(frame: LimitsFrame, process: number): void {
    this.#queued.set(workerOf(frame, process), frame.waiting);
  }

  /** A process has ended, and with it all that was open or waited there. */
  forget(process: number): void {
    for (const counts of [this.#open, this.#queued])
      for (const worker of counts.keys()) if (worker.startsWith(`${process}/`)) counts.delete(worker);
  }

  /** The tick up to `now`. */
  read(now: number): Tick {
    const { slices, endpoints } = { slices: [...this.#slices], endpoints: [...this.#endpoints.values()] };
    return { from: this.#from, to: now, slices, endpoints, toldAt: this.#toldAt };
  }

  /** Begins the next tick. */
  next(now: number): void {
    this.#from = now;
    this.#slices = [];
    this.#endpoints = new Map();
  }

  #finish({
    endpoint,
    count,
    errors,
    clientAborts,
    sumNs,
    histogram,
  }: TelemetryFrame['entries'][number]): void {
    const before = this.#endpoints.get(endpoint);
    this.#endpoints.set(endpoint, {
      endpoint,
      successes: (before?.successes ?? 0) + count - errors - clientAborts,
      errors: (before?.errors ?? 0) + errors,
      sumMs: (before?.sumMs ?? 0) + Number(sumNs) / 1e6,
      histogram: before === undefined ? histogram : [...before.histogram, ...histogram],
    });
  }
}

function plus(counts: Map<string, number>, key: string, more: number): void {
  if (more !== 0) counts.set(key, (counts.get(key) ?? 0) + more);
}

function workerOf({ worker }: { readonly worker: number }, process: number): string {
  return `${process}/${worker}`;
}
