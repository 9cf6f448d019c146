import { z } from 'zod';
import type { EffectEntry } from '../arms-contract.js';
import { LineTail } from '../line-tail.js';
import { split } from './mongo-catalog.js';
import { idOfDocument } from './mongo-value.js';
import { nameOfBytes } from './text.js';

const base64 = z.base64();
const exchange = z.string().regex(/^[0-9a-f]{16}$/);
const lineSchema = z.union([
  z.object({ exchange, namespace: z.string(), ids: z.array(base64), others: z.boolean() }),
  z.object({ exchange, keys: z.array(base64), channel: base64.optional() }),
]);

type Line = z.infer<typeof lineSchema>;

/** Stands for every document of a collection that was not named by its `_id`. */
const OTHERS = '';

/**
 * Which exchanges the app wrote a document or a key for, as the preload `store-writes` noted it. What it cannot note (another
 * runtime, a driver that collects commands of several callers) has no writers here.
 */
export class Writers {
  readonly #tail: LineTail;
  readonly #home: string | undefined;
  /** Of each thing that was written (see `thing`). */
  #byThing = new Map<string, Set<string>>();

  /** `home`: the Mongo database whose collections stand without a prefix. */
  constructor(file: string, home: string | undefined) {
    this.#tail = new LineTail(file);
    this.#home = home;
  }

  /** The entries, with their writers as far as those were noted since the last time. */
  async tell(entries: readonly EffectEntry[]): Promise<readonly EffectEntry[]> {
    await this.#read();
    const byThing = this.#byThing;
    this.#byThing = new Map();
    return entries.map((entry) => {
      const writers = new Set(thingsOf(entry).flatMap((one) => [...(byThing.get(one) ?? [])]));
      return writers.size === 0 ? entry : { ...entry, writers: [...writers] };
    });
  }

  async #read(): Promise<void> {
    for (;;) {
      const lines = await this.#tail.read();
      if (lines.length === 0) return;
      for (const line of lines) {
        const { data } = lineSchema.safeParse(line);
        if (data !== undefined) this.#note(data);
      }
    }
  }

  #note(line: Line): void {
    for (const written of 'namespace' in line ? this.#documents(line) : keysOf(line)) {
      const writers = this.#byThing.get(written);
      if (writers === undefined) this.#byThing.set(written, new Set([line.exchange]));
      else writers.add(line.exchange);
    }
  }

  #documents({ namespace, ids, others }: Extract<Line, { namespace: string }>): readonly string[] {
    const [database, collection] = split(namespace);
    const shown = database === this.#home ? collection : namespace;
    const named = ids.map((id) => thing('mongo', shown, idOfElement(Buffer.from(id, 'base64'))));
    return others ? [...named, thing('mongo', shown, OTHERS)] : named;
  }
}

function keysOf({ keys, channel }: Extract<Line, { keys: string[] }>): readonly string[] {
  const named = keys.map((key) => thing('redis', nameOfBytes(Buffer.from(key, 'base64'))));
  return channel === undefined
    ? named
    : [...named, thing('published', nameOfBytes(Buffer.from(channel, 'base64')))];
}

/** What an entry's writers have written. The database of a Redis key is not known of a write. */
function thingsOf({ store, key }: EffectEntry): readonly string[] {
  const [first = '', last = first] = key;
  if (store === 'mongo') return [thing('mongo', first, last), thing('mongo', first, OTHERS)];
  if (store !== 'redis') return [];
  return [thing(first === '(published)' ? 'published' : 'redis', last)];
}

function thing(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

/** The name of the document whose `_id` is an element of that type and value. */
function idOfElement(element: Buffer): string {
  const document = Buffer.concat([
    Buffer.alloc(4),
    element.subarray(0, 1),
    Buffer.from('_id\0'),
    element.subarray(1),
    Buffer.alloc(1),
  ]);
  document.writeInt32LE(document.length);
  return idOfDocument(document);
}
