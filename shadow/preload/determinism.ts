/**
 * Preload for the arms of a Node app: within an exchange, the time is live's and randomness comes from a seed, so that
 * most of what differs between two runs of the same release does not differ. Nothing depends on it: outside of an
 * exchange, and in apps that are not Node's, time and randomness are the real ones.
 *
 * Time stands still within an exchange for as long as a handler normally takes, so that a timestamp is the same in every
 * arm however fast it is; what takes longer sees it move, so that no loop that waits for it waits for ever.
 *
 * Randomness is a stream for each (DHARMA_SEED, exchange), never repeated in another exchange. The arms `a` have one
 * seed and the arms `b` another: were it the same in all, a release that merely draws one more number than the other
 * would look as if it had changed everything random that follows.
 *
 * Runs inside other people's apps: no imports but Node's own. Needs the context preload before it.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

interface Exchange {
  readonly id: string;
  readonly liveTime: number | undefined;
  readonly beganAt: number;
  /** Ours: the CPU this process had used when it first asked for the time, ms, and its stream of random bytes. */
  cpuAtFirst?: number;
  bytes?: (size: number) => Buffer;
}

type Context = AsyncLocalStorage<Exchange>;

/**
 * A handler that has used this much of the CPU, ms, may be in a loop that waits for the clock, and so may one that has
 * slept this long. Far above what handlers take, on a machine that is busy with all the arms too, and far below a hang.
 */
const STANDSTILL_CPU_MS = 1000;
const STANDSTILL_MS = 10_000;

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function exchangeClock(context: Context): () => number {
  const realNow = Date.now;
  return () => {
    const exchange = context.getStore();
    if (exchange?.liveTime === undefined) return realNow();
    exchange.cpuAtFirst ??= cpuMs();
    const elapsed = performance.now() - exchange.beganAt;
    // The first is the cheaper question, and nearly always enough.
    const waiting =
      elapsed > STANDSTILL_CPU_MS &&
      (elapsed > STANDSTILL_MS || cpuMs() - exchange.cpuAtFirst > STANDSTILL_CPU_MS);
    return exchange.liveTime + (waiting ? Math.floor(elapsed) : 0);
  };
}

function installClock(context: Context): void {
  const now = exchangeClock(context);
  const RealDate = Date;
  // A Proxy keeps everything else of Date (its name, statics, subclasses, instanceof) as it is.
  const ExchangeDate = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    apply: () => new RealDate(now()).toString(),
  });
  RealDate.now = now;
  RealDate.prototype.constructor = ExchangeDate;
  globalThis.Date = ExchangeDate;
}

/** The bytes of an exchange: a cipher's key stream, so that they are as good as random ones. */
function streamOf(seed: string, exchange: Exchange): (size: number) => Buffer {
  const key = crypto.createHash('sha256').update(`${seed}:${exchange.id}`).digest();
  const cipher = crypto.createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return (size) => cipher.update(Buffer.alloc(size));
}

function installRandomness(context: Context, seed: string): void {
  /** The next bytes of the exchange being served; undefined outside of any. */
  const draw = (size: number): Buffer | undefined => {
    const exchange = context.getStore();
    if (exchange === undefined) return undefined;
    exchange.bytes ??= streamOf(seed, exchange);
    return exchange.bytes(size);
  };
  replaceMathRandom(draw);
  replaceRandomBytes(draw);
  replaceRandomFill(draw);
  replaceRandomInt(draw);
  replaceWebCrypto(draw);
  syncBuiltinESMExports();
}

type Draw = (size: number) => Buffer | undefined;

function replaceMathRandom(draw: Draw): void {
  const real = Math.random;
  Math.random = () => {
    const bytes = draw(8);
    // 53 bits, as a double holds them.
    return bytes === undefined ? real() : Number(bytes.readBigUInt64BE() >> 11n) / 2 ** 53;
  };
}

type AnyFunction = (...args: unknown[]) => unknown;
/** The module object itself, whose functions are replaced by others of the same signature. */
const cryptoModule = crypto as unknown as Record<string, AnyFunction>;

function replaceRandomBytes(draw: Draw): void {
  const real = cryptoModule.randomBytes!;
  const replaced = (size: unknown, callback?: unknown): unknown => {
    // Node says what is wrong with its arguments.
    const bytes = typeof size === 'number' && size >= 0 && size < 2 ** 31 ? draw(size) : undefined;
    if (bytes === undefined) return real(size, callback);
    if (typeof callback !== 'function') return bytes;
    setImmediate(callback as (error: null, bytes: Buffer) => void, null, bytes);
    return undefined;
  };
  for (const name of ['randomBytes', 'pseudoRandomBytes', 'prng', 'rng'])
    if (typeof cryptoModule[name] === 'function') replace(crypto, name, replaced);
}

/** Some are getters, or not enumerable, depending on Node's version; one that cannot be replaced stays as it is. */
function replace(object: object, name: string, value: AnyFunction): void {
  const { configurable = true, enumerable = true } = Object.getOwnPropertyDescriptor(object, name) ?? {};
  if (configurable) Object.defineProperty(object, name, { value, writable: true, configurable, enumerable });
}

/** Fills `target` from `offset` (in elements, as Node counts them); false when there is no stream or no sense in it. */
function fill(draw: Draw, target: unknown, offset: unknown, size: unknown): boolean {
  if (!(ArrayBuffer.isView(target) || target instanceof ArrayBuffer)) return false;
  const unit = 'BYTES_PER_ELEMENT' in target ? (target.BYTES_PER_ELEMENT as number) : 1;
  const from = typeof offset === 'number' ? offset * unit : 0;
  const length = typeof size === 'number' ? size * unit : target.byteLength - from;
  if (!(from >= 0 && length >= 0 && from + length <= target.byteLength)) return false;
  const bytes = draw(length);
  if (bytes === undefined) return false;
  const [buffer, start] = ArrayBuffer.isView(target) ? [target.buffer, target.byteOffset] : [target, 0];
  new Uint8Array(buffer, start + from, length).set(bytes);
  return true;
}

function replaceRandomFill(draw: Draw): void {
  const realSync = cryptoModule.randomFillSync!;
  replace(crypto, 'randomFillSync', (target, offset, size) =>
    fill(draw, target, offset, size) ? target : realSync(target, offset, size),
  );
  const real = cryptoModule.randomFill!;
  replace(crypto, 'randomFill', (...args) => {
    const callback = args.at(-1);
    const [target, offset, size] = args.slice(0, -1);
    if (typeof callback !== 'function' || !fill(draw, target, offset, size)) return real(...args);
    setImmediate(callback as (error: null, target: unknown) => void, null, target);
    return undefined;
  });
}

function replaceRandomInt(draw: Draw): void {
  const real = cryptoModule.randomInt!;
  replace(crypto, 'randomInt', (...args) => {
    const callback =
      typeof args.at(-1) === 'function' ? (args.at(-1) as (e: null, n: number) => void) : undefined;
    const numbers = callback === undefined ? args : args.slice(0, -1);
    const [min, max] = (numbers.length === 1 ? [0, numbers[0]] : numbers) as [number, number];
    const sensible =
      Number.isSafeInteger(min) && Number.isSafeInteger(max) && max > min && max - min < 2 ** 48;
    const bytes = sensible ? draw(16) : undefined;
    if (bytes === undefined) return real(...args);
    // 128 bits over at most 48: the bias is below what anybody could see.
    const value = min + Number(BigInt(`0x${bytes.toString('hex')}`) % BigInt(max - min));
    if (callback === undefined) return value;
    setImmediate(callback, null, value);
    return undefined;
  });
}

function replaceWebCrypto(draw: Draw): void {
  const uuid = (): string | undefined => {
    const bytes = draw(16);
    if (bytes === undefined) return undefined;
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  };
  const realUuid = cryptoModule.randomUUID!;
  replace(crypto, 'randomUUID', (...args) => uuid() ?? realUuid(...args));
  const prototype = Object.getPrototypeOf(crypto.webcrypto) as Record<string, AnyFunction>;
  const webUuid = prototype.randomUUID!;
  replace(prototype, 'randomUUID', function (this: unknown, ...args) {
    return uuid() ?? webUuid.apply(this, args);
  });
  const webValues = prototype.getRandomValues!;
  // 65536 bytes is the most that the standard allows; beyond it, and for floats, Node throws what it has to.
  const fills = (target: unknown): boolean =>
    ArrayBuffer.isView(target) &&
    target.byteLength <= 65_536 &&
    !(target instanceof Float32Array || target instanceof Float64Array || target instanceof DataView) &&
    fill(draw, target, undefined, undefined);
  replace(prototype, 'getRandomValues', function (this: unknown, target, ...rest) {
    return fills(target) ? target : webValues.call(this, target, ...rest);
  });
  const realValues = cryptoModule.getRandomValues!;
  replace(crypto, 'getRandomValues', (target) => (fills(target) ? target : realValues(target)));
}

const context = (globalThis as Record<symbol, unknown>)[Symbol.for('dharma.exchange-context')] as
  Context | undefined;
const INSTALLED = Symbol.for('dharma.determinism');
if (context !== undefined && !(INSTALLED in globalThis)) {
  Object.defineProperty(globalThis, INSTALLED, { value: true });
  installClock(context);
  installRandomness(context, process.env.DHARMA_SEED ?? '');
}
