import type { LimitsFrame } from '../../common/index.js';

/** A node that gets no requests while others do, and why. */
export interface NodeOut {
  readonly node: string;
  /** It fails more than its peers. */
  readonly ejected: boolean;
  /** Its health checks fail. */
  readonly unhealthy: boolean;
}

/** Who had to wait for a node, within the window; `waiting` and `nodesOut` are of now. */
export interface LimitsWindow {
  /** Nobody had to: it was only counted who would have. */
  readonly measure: boolean;
  readonly waiting: number;
  readonly queued: number;
  /** Refused, because too many waited or for too long. */
  readonly refused: number;
  readonly nodesOut: readonly NodeOut[];
}

/** A proxy's limits over a sliding window, from the frames of all its workers. No I/O: time is handed in, ms. */
export class RollingLimits {
  readonly #windowMs: number;
  #slices: { readonly at: number; readonly frame: LimitsFrame }[] = [];
  readonly #latest = new Map<number, Map<number, LimitsFrame>>();
  #last: LimitsFrame | undefined;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** `process`: its pid; while one takes another's place both tell. */
  add(frame: LimitsFrame, at: number, process: number): void {
    const workers = this.#latest.get(process) ?? new Map<number, LimitsFrame>();
    this.#latest.set(process, workers.set(frame.worker, frame));
    this.#last = frame;
    if (frame.queued + frame.queueFull + frame.queueExpired > 0) this.#slices.push({ at, frame });
    this.#forgetBefore(at - this.#windowMs);
  }

  /** A process has ended, and with it all that waited there. */
  forget(process: number): void {
    this.#latest.delete(process);
  }

  window(now: number): LimitsWindow {
    this.#forgetBefore(now - this.#windowMs);
    const sum = (of: (frame: LimitsFrame) => number): number =>
      this.#slices.reduce((total, { frame }) => total + of(frame), 0);
    const latest = [...this.#latest.values()].flatMap((workers) => [...workers.values()]);
    return {
      measure: this.#last?.measure ?? false,
      waiting: latest.reduce((total, { waiting }) => total + waiting, 0),
      queued: sum(({ queued }) => queued),
      refused: sum(({ queueFull, queueExpired }) => queueFull + queueExpired),
      // All workers share one account of nodes.
      nodesOut: this.#last?.nodesOut ?? [],
    };
  }

  #forgetBefore(from: number): void {
    if (this.#slices.length > 0 && this.#slices[0]!.at < from)
      this.#slices = this.#slices.filter(({ at }) => at >= from);
  }
}
