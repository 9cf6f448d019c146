import { open } from 'node:fs/promises';
import { systemCode } from '../../common/index.js';

/** What the guard preload refused, as it writes it down. */
export interface RefusedAttempt {
  readonly at: number;
  readonly exchange: string | undefined;
  /** `connect`, `udp`, `dns`, `process`, `binding`. */
  readonly kind: string;
  readonly to: string;
}

/** One reading takes at most this many bytes; the rest comes with the next. */
const MAX_READ = 1024 * 1024;

/** Reads the preload's log as it grows. The app could write into it as well: a line that is not one of ours is passed over. */
export class GuardLog {
  readonly #file: string;
  #offset = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** The attempts since the last reading. */
  async read(): Promise<RefusedAttempt[]> {
    const handle = await open(this.#file, 'r').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (handle === undefined) return [];
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_READ), 0, MAX_READ, this.#offset);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
      this.#offset += end;
      return buffer
        .toString('utf8', 0, end)
        .split('\n')
        .flatMap((line) => attemptOf(line) ?? []);
    } finally {
      await handle.close();
    }
  }
}

function attemptOf(line: string): RefusedAttempt | undefined {
  try {
    const { at, exchange, kind, to } = JSON.parse(line) as Record<string, unknown>;
    if (typeof at !== 'number' || typeof kind !== 'string' || typeof to !== 'string') return undefined;
    return { at, kind, to, exchange: typeof exchange === 'string' ? exchange : undefined };
  } catch {
    return undefined;
  }
}
