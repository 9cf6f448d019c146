import type { OutboundCall } from '../../common/index.js';
import type { RawAnswer } from '../answer.js';
import type { EffectDelta, EffectEntry, EffectValue } from '../arms-contract.js';

/** What stands for an app's folder in answers and effects (stack traces, mostly). */
const ROOT = '/app';

/** The folders one arm's app runs in, which are named alike for all arms. */
export class Roots {
  readonly #folders: readonly string[];
  /** As they stand in texts, in this order. */
  readonly #written: readonly string[];

  constructor(folders: readonly string[]) {
    this.#folders = folders;
    this.#written = folders.flatMap((folder) => [folder, encodeURIComponent(folder)]);
  }

  /** The answer without them. */
  inAnswer(answer: RawAnswer): RawAnswer {
    if (this.#folders.length === 0) return answer;
    const body = this.#bytes(answer.body);
    if (body === answer.body && !answer.headers.some(([, value]) => this.#standIn(value))) return answer;
    const headers = answer.headers.map(([name, value]): [string, string] => [name, this.#text(value)]);
    return { ...answer, headers, body };
  }

  /** The same of what the app did to its stores and files, and what it called out for. */
  inEffects(delta: EffectDelta): EffectDelta {
    if (this.#folders.length === 0) return delta;
    return {
      ...delta,
      entries: delta.entries.map((entry) => this.#entry(entry)),
      calls: delta.calls.map((call) => this.#call(call)),
    };
  }

  #entry(entry: EffectEntry): EffectEntry {
    return {
      ...entry,
      key: entry.key.map((part) => this.#text(part)),
      before: entry.before === undefined ? undefined : this.#value(entry.before),
      after: entry.after === undefined ? undefined : this.#value(entry.after),
    };
  }

  #call(call: OutboundCall): OutboundCall {
    return {
      ...call,
      target: this.#text(call.target),
      requestHeaders: call.requestHeaders.map(([name, value]) => [name, this.#text(value)]),
      requestBody: this.#bytes(call.requestBody),
    };
  }

  #value(value: EffectValue): EffectValue {
    if (typeof value === 'string') return this.#text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item: EffectValue) => this.#value(item));
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [this.#text(key), this.#value(child)]),
    );
  }

  #text(text: string): string {
    let out = text;
    for (const written of this.#written) if (out.includes(written)) out = out.replaceAll(written, ROOT);
    return out;
  }

  #standIn(text: string): boolean {
    return this.#written.some((written) => text.includes(written));
  }

  /** The same array where there is nothing to be done. */
  #bytes(bytes: Uint8Array): Uint8Array {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const present = this.#folders.filter((folder) => buffer.includes(folder));
    if (present.length === 0) return bytes;
    let text = buffer.toString('latin1');
    for (const folder of present) text = text.replaceAll(Buffer.from(folder).toString('latin1'), ROOT);
    return Buffer.from(text, 'latin1');
  }
}
