import { appendFile, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../common/index.js';
import { FORM, type SizingRecord } from './record.js';

/** A file is closed at this size and the one before it dropped: some hundred decisions of about 50 KB each. */
const LARGEST_BYTES = 16 * 1024 * 1024;
const FILE = 'decisions.jsonl';
const OLDER = 'decisions.1.jsonl';

/** A cluster's recorded decisions, one JSON line each, in two files of bounded size. One writer at a time. */
export class DecisionLog {
  readonly #dir: string;
  readonly #largest: number;

  constructor(dir: string, largest = LARGEST_BYTES) {
    this.#dir = dir;
    this.#largest = largest;
  }

  /** Error: the system's (no room, say). */
  async add(record: SizingRecord): Promise<void> {
    const file = join(this.#dir, FILE);
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    );
    if (size >= this.#largest) await rename(file, join(this.#dir, OLDER));
    // The line break comes first: the line before may have been cut short.
    await appendFile(file, `\n${JSON.stringify({ ...record, form: FORM })}`, { mode: 0o600 });
  }

  /** The newest; undefined where none is kept. */
  async last(): Promise<SizingRecord | undefined> {
    for (const name of [FILE, OLDER]) {
      const lines = (await readIfThere(join(this.#dir, name))).trimEnd().split('\n');
      const found = lines.slice(-2).flatMap(parsed).at(-1);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** All that are kept, oldest first; a line that was cut short by a crash, or that another build wrote, is left out. */
  async all(): Promise<SizingRecord[]> {
    const texts = await Promise.all([OLDER, FILE].map((name) => readIfThere(join(this.#dir, name))));
    return texts.flatMap((text) => text.split('\n')).flatMap(parsed);
  }
}

function parsed(line: string): SizingRecord[] {
  if (line === '') return [];
  try {
    const { form, ...record } = JSON.parse(line) as SizingRecord & { readonly form?: number };
    return form === FORM ? [record] : [];
  } catch {
    return [];
  }
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}
