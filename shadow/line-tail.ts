import { open } from 'node:fs/promises';
import { systemCode } from '../common/index.js';

/** One reading takes at most this many bytes; the rest comes with the next. */
const MAX_READ = 1024 * 1024;

/** From this size on, bytes, a file that was read to its end is emptied. */
const EMPTIED_AT = 4 * MAX_READ;

/**
 * Reads lines of JSON that a preload appends to a file, as they come. The app could write into it as well: a line that is not
 * JSON is passed over, and what the others hold has to be looked at. A line written while the file is emptied is lost.
 */
export class LineTail {
  readonly #file: string;
  #offset = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** What was written since the last reading. */
  async read(): Promise<readonly unknown[]> {
    const handle = await open(this.#file, 'r+').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (handle === undefined) return [];
    try {
      const { size } = await handle.stat();
      const length = Math.min(MAX_READ, size - this.#offset);
      if (length <= 0) return [];
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, this.#offset);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
      this.#offset += end;
      if (this.#offset >= EMPTIED_AT && this.#offset === size) {
        await handle.truncate(0);
        this.#offset = 0;
      }
      return buffer
        .toString('utf8', 0, end)
        .split('\n')
        .flatMap((line) => parsed(line));
    } finally {
      await handle.close();
    }
  }
}

function parsed(line: string): readonly unknown[] {
  try {
    return line === '' ? [] : [JSON.parse(line)];
  } catch {
    return [];
  }
}
