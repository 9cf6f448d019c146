import { LineTail } from '../line-tail.js';

/** What the guard preload refused, as it writes it down. */
export interface RefusedAttempt {
  readonly at: number;
  readonly exchange: string | undefined;
  /** `connect`, `udp`, `dns`, `process`, `binding`. */
  readonly kind: string;
  readonly to: string;
}

/** Reads the preload's log as it grows. A line that is not one of ours is passed over. */
export class GuardLog {
  readonly #tail: LineTail;

  constructor(file: string) {
    this.#tail = new LineTail(file);
  }

  /** The attempts since the last reading. */
  async read(): Promise<RefusedAttempt[]> {
    return (await this.#tail.read()).flatMap((line) => attemptOf(line) ?? []);
  }
}

function attemptOf(line: unknown): RefusedAttempt | undefined {
  const { at, exchange, kind, to } = (line ?? {}) as Record<string, unknown>;
  if (typeof at !== 'number' || typeof kind !== 'string' || typeof to !== 'string') return undefined;
  return { at, kind, to, exchange: typeof exchange === 'string' ? exchange : undefined };
}
