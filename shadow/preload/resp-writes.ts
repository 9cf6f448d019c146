/**
 * What a client writes to Redis, read from the bytes it sends (RESP arrays of bulk strings; redis.io, "Redis serialization
 * protocol specification"). Part of a preload: no imports but Node's own.
 */
export interface RedisWrite {
  readonly keys: readonly Buffer[];
  /** A channel that was published on. */
  readonly channel?: Buffer;
}

/** Bytes of an argument that are kept: longer keys are not told. */
const KEPT_BYTES = 512;

/** Arguments that are kept: keys beyond are not told. */
const KEPT_ARGUMENTS = 64;

/** What changes no key. What is neither here nor below has its key first, as nearly all commands have. */
const NO_WRITES = new Set(
  (
    'auth hello client select ping quit info config command multi exec discard watch unwatch subscribe psubscribe ssubscribe ' +
    'unsubscribe punsubscribe sunsubscribe script function keys scan dbsize time wait get mget strlen getrange substr exists ' +
    'type ttl pttl expiretime pexpiretime hget hmget hgetall hkeys hvals hlen hexists hstrlen hscan hrandfield lrange llen lindex ' +
    'lpos smembers sismember smismember scard srandmember sinter sunion sdiff sscan zrange zrevrange zrangebyscore ' +
    'zrevrangebyscore zrangebylex zscore zmscore zcard zcount zlexcount zrank zrevrank zscan xrange xrevrange xlen xread xinfo ' +
    'xpending getbit bitcount bitpos pfcount geodist geohash geopos geosearch object memory dump randomkey readonly cluster'
  ).split(' '),
);

const EVERY_ARGUMENT = new Set(['del', 'unlink']);
const TWO_KEYS = new Set([
  'rename',
  'renamenx',
  'copy',
  'smove',
  'lmove',
  'blmove',
  'rpoplpush',
  'brpoplpush',
]);
const SCRIPTS = new Set(['eval', 'evalsha', 'fcall']);

/** The client that collects commands of many callers and writes them together: whose they are cannot be told. */
const COLLECTS = 'node-redis';

/** Reads a connection's commands as they are written, however they are cut. */
export class RespWrites {
  #args: Buffer[] = [];
  /** Arguments of the command that are still to come. */
  #awaited = 0;
  /** Bytes of the argument that are still to come, its CRLF included; -1: a line is read. */
  #left = -1;
  #line = '';
  #argument: Buffer[] = [];
  #kept = 0;
  /** Nothing can be told of what is written here. */
  #isLost = false;

  /** The writes that end in these bytes. */
  feed(bytes: Buffer): readonly RedisWrite[] {
    const writes: RedisWrite[] = [];
    for (let at = 0; at < bytes.length && !this.#isLost;) at = this.#read(bytes, at, writes);
    return writes;
  }

  #read(bytes: Buffer, at: number, writes: RedisWrite[]): number {
    if (this.#left >= 0) return this.#readArgument(bytes, at, writes);
    const end = bytes.indexOf(0x0a, at);
    this.#line += bytes.toString('latin1', at, end < 0 ? bytes.length : end + 1);
    if (end < 0) {
      // No length of anything is so long.
      this.#isLost = this.#line.length > KEPT_BYTES;
      return bytes.length;
    }
    const match = /^([*$])(\d+)\r\n$/.exec(this.#line);
    this.#line = '';
    if (match === null || (match[1] === '*') !== (this.#awaited === 0)) this.#isLost = true;
    else if (match[1] === '*') this.#awaited = Number(match[2]);
    else this.#left = Number(match[2]) + 2;
    return end + 1;
  }

  #readArgument(bytes: Buffer, at: number, writes: RedisWrite[]): number {
    const end = Math.min(bytes.length, at + this.#left);
    const wanted = Math.max(0, Math.min(end - at, this.#left - 2, KEPT_BYTES + 1 - this.#kept));
    if (wanted > 0) this.#argument.push(Buffer.from(bytes.subarray(at, at + wanted)));
    this.#kept += wanted;
    this.#left -= end - at;
    if (this.#left === 0) this.#endArgument(writes);
    return end;
  }

  #endArgument(writes: RedisWrite[]): void {
    if (this.#args.length < KEPT_ARGUMENTS) this.#args.push(Buffer.concat(this.#argument));
    this.#argument = [];
    this.#kept = 0;
    this.#left = -1;
    this.#awaited -= 1;
    if (this.#awaited > 0) return;
    const write = this.#writeOf(this.#args);
    this.#args = [];
    if (write !== undefined) writes.push(write);
  }

  #writeOf([first, ...args]: readonly Buffer[]): RedisWrite | undefined {
    const name = first?.toString('latin1').toLowerCase() ?? '';
    if (name === 'client' && args.some((arg) => arg.toString('latin1').startsWith(COLLECTS)))
      this.#isLost = true;
    if (name === 'publish' || name === 'spublish') return { keys: [], channel: args[0] ?? Buffer.alloc(0) };
    const keys = keysOf(name, args).filter(({ length }) => length <= KEPT_BYTES);
    return keys.length === 0 ? undefined : { keys };
  }
}

function keysOf(name: string, args: readonly Buffer[]): readonly Buffer[] {
  if (NO_WRITES.has(name)) return [];
  if (EVERY_ARGUMENT.has(name)) return args;
  if (TWO_KEYS.has(name)) return args.slice(0, 2);
  if (SCRIPTS.has(name)) return args.slice(2, 2 + Number(args[1]?.toString('latin1') ?? 0));
  if (name === 'mset' || name === 'msetnx') return args.filter((_, i) => i % 2 === 0);
  return args.slice(0, 1);
}
