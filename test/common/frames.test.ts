import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FrameDecoder,
  FrameError,
  MAX_FRAME_BYTES,
  decodeFrame,
  encodeFrame,
} from '../../common/frames/index.js';
import type { Frame } from '../../common/frames/index.js';

interface Field {
  readonly name: string;
  readonly type: string;
  readonly of?: string;
  readonly js?: string;
}
interface Schema {
  readonly structs: Readonly<Record<string, readonly Field[]>>;
  readonly frames: readonly { readonly name: string; readonly fields: readonly Field[] }[];
}
interface Vectors {
  readonly valid: readonly {
    readonly name: string;
    readonly frame: string;
    readonly value: Readonly<Record<string, unknown>>;
    readonly hex: string;
  }[];
  readonly invalid: readonly { readonly name: string; readonly fault: string; readonly hex: string }[];
}

const readJson = (name: string): unknown => JSON.parse(readFileSync(`native/schema/${name}`, 'utf8'));
const schema = readJson('frames.json') as Schema;
const vectors = readJson('vectors.json') as Vectors;
const bytes = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex');

/** A vector's JSON value as the program holds it, by the schema. */
function held(fields: readonly Field[], value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const field of fields) {
    const given = value[field.name];
    if (field.js === 'bigint') out[field.name] = BigInt(given as string);
    else if (field.type === 'bytes') out[field.name] = bytes(given as string);
    else if (field.type === 'array')
      out[field.name] = (given as Record<string, unknown>[]).map((item) =>
        held(schema.structs[field.of!]!, item),
      );
    else out[field.name] = given;
  }
  return out;
}

function frameOf(vector: Vectors['valid'][number]): Frame {
  const frame = schema.frames.find(({ name }) => name === vector.frame);
  return { kind: vector.frame, ...held(frame!.fields, vector.value) } as unknown as Frame;
}

/** Any value of a field, limits included. */
function arbitraryOf(field: Field): fc.Arbitrary<unknown> {
  if (field.js === 'bigint') return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  switch (field.type) {
    case 'u16':
      return fc.integer({ min: 0, max: 0xffff });
    case 'u32':
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case 'u64':
      return fc.maxSafeNat();
    case 'bool':
      return fc.boolean();
    case 'string':
      return fc.string({ unit: 'binary' });
    case 'bytes':
      return fc.uint8Array().map((array) => Buffer.from(array));
    case 'array':
      return fc.array(fc.record(arbitraries(schema.structs[field.of!]!)), { maxLength: 4 });
    default:
      throw new Error(`no arbitrary for ${field.type}`);
  }
}
const arbitraries = (fields: readonly Field[]): Record<string, fc.Arbitrary<unknown>> =>
  Object.fromEntries(fields.map((field) => [field.name, arbitraryOf(field)]));
const anyFrame = fc.oneof(
  ...schema.frames.map(({ name, fields }) =>
    fc.record({ kind: fc.constant(name), ...arbitraries(fields) }).map((frame) => frame as unknown as Frame),
  ),
);

const faultOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof FrameError) return error.fault;
    throw error;
  }
  return 'none';
};

describe('frame codec', () => {
  it.each(vectors.valid)('encodes and decodes the golden vector: $name', (vector) => {
    const frame = frameOf(vector);
    expect(encodeFrame(frame).toString('hex')).toBe(bytes(vector.hex).toString('hex'));
    expect(decodeFrame(bytes(vector.hex))).toEqual(frame);
  });

  it('has a golden vector for every frame of the schema', () => {
    expect(new Set(vectors.valid.map(({ frame }) => frame))).toEqual(
      new Set(schema.frames.map(({ name }) => name)),
    );
  });

  it.each(vectors.invalid)('refuses: $name', ({ hex, fault }) => {
    expect(faultOf(() => new FrameDecoder().push(bytes(hex)))).toBe(fault);
  });

  it('refuses every cut of every vector', () => {
    for (const { hex } of vectors.valid) {
      const whole = bytes(hex);
      for (let cut = 0; cut < whole.length; cut++)
        expect(faultOf(() => decodeFrame(whole.subarray(0, cut)))).toBe('short');
    }
  });

  it('gives back whatever was encoded', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
      }),
    );
  });

  it('keeps the link when a string is no UTF-8', () => {
    const hello = bytes('00000016 01 01 00000001 00000002 c328 0001 0000000000000000');
    expect(decodeFrame(hello)).toMatchObject({ kind: 'Hello', version: '\ufffd(' });
  });

  it.each([
    ['a fraction', 1.5],
    ['a negative', -1],
    ['more than its width', 2 ** 32],
    ['not a number', Number.NaN],
  ])('refuses to encode %s as a u32', (_, pid) => {
    expect(faultOf(() => encodeFrame({ kind: 'Hello', pid, version: '', workers: 1, generation: 0 }))).toBe(
      'range',
    );
  });

  it('refuses to encode a frame over the maximum', () => {
    const json = Buffer.alloc(MAX_FRAME_BYTES);
    expect(faultOf(() => encodeFrame({ kind: 'Config', generation: 1, json }))).toBe('tooLarge');
  });

  it('is what the generator makes of the schema', () => {
    // Throws, with the names of the files out of date, when it is not.
    expect(execFileSync(process.execPath, ['native/schema/generate.mjs', '--check']).toString()).toBe('');
  });
});

describe('FrameDecoder', () => {
  it('finds the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 97 })),
        (frames, cuts) => {
          const stream = Buffer.concat(frames.map(encodeFrame));
          const decoder = new FrameDecoder();
          const found: Frame[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = cuts.length > 0 ? cuts[turn % cuts.length]! : stream.length;
            found.push(...decoder.push(stream.subarray(at, at + size)));
            at += size;
          }
          decoder.end();
          expect(found).toEqual(frames);
        },
      ),
    );
  });

  it('throws nothing but FrameError, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (chunks) => {
        const decoder = new FrameDecoder();
        faultOf(() => chunks.forEach((chunk) => decoder.push(chunk)));
      }),
    );
  });

  it('throws nothing but FrameError on a frame with bytes changed', () => {
    fc.assert(
      fc.property(anyFrame, fc.nat(), fc.integer({ min: 0, max: 255 }), (frame, where, byte) => {
        const damaged = encodeFrame(frame);
        damaged[where % damaged.length] = byte;
        faultOf(() => new FrameDecoder().push(damaged));
      }),
    );
  });

  it('does not copy a frame that lies within one chunk', () => {
    const chunk = encodeFrame({ kind: 'Config', generation: 1, json: Buffer.from('{}') });
    const [frame] = new FrameDecoder().push(chunk);
    expect(frame?.kind === 'Config' && frame.json.buffer === chunk.buffer).toBe(true);
  });

  it('refuses a frame over its own limit as soon as the length is there', () => {
    const decoder = new FrameDecoder({ maxFrameBytes: 100 });
    expect(faultOf(() => decoder.push(bytes('00000065')))).toBe('tooLarge');
    expect(decoder.pendingBytes).toBe(0);
  });

  it('stays failed after a failure', () => {
    const decoder = new FrameDecoder();
    expect(faultOf(() => decoder.push(bytes('00000002 01 ff')))).toBe('type');
    const good = encodeFrame({ kind: 'Dropped', count: 1 });
    expect(faultOf(() => decoder.push(good))).toBe('type');
    expect(faultOf(() => decoder.end())).toBe('type');
  });

  it('says at the end that a frame was cut off', () => {
    const decoder = new FrameDecoder();
    decoder.push(encodeFrame({ kind: 'Dropped', count: 1 }).subarray(0, 9));
    expect(decoder.pendingBytes).toBe(9);
    expect(faultOf(() => decoder.end())).toBe('short');
  });
});
