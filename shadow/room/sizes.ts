/** What live holds, as its stores tell it. */
export interface MongoSize {
  /** Documents as BSON, bytes. */
  readonly dataBytes: number;
  /** What they and their indexes take of live's disk, bytes. */
  readonly storageBytes: number;
  readonly documents: number;
  /** Entries of all indexes beside those on _id. */
  readonly indexEntries: number;
}

export interface LiveSizes {
  /** What the copies run on decides what a copy takes. Undefined: the app has no Mongo. */
  readonly mongo: (MongoSize & { readonly copiedTo: 'mongod' | 'embedded' }) | undefined;
  /** Memory its keys take, bytes. */
  readonly redis: { readonly memoryBytes: number } | undefined;
  /** Files of the app's writable folders, bytes. */
  readonly folderBytes: number;
}

/** Bytes of disk and of memory. */
export interface Room {
  readonly disk: number;
  readonly memory: number;
}

/** A process that serves an empty store: about 80 MB of the embedded Mongo, as much of a mongod, 10 MB of Redis. */
const EMPTY_MONGO_BYTES = 80 * 2 ** 20;
const EMPTY_REDIS_BYTES = 10 * 2 ** 20;

/** The embedded Mongo keeps in memory where each document is and its key in each index (measured: 700 and 350 bytes). */
const BYTES_A_DOCUMENT = 700;
const BYTES_AN_INDEX_ENTRY = 350;

/** Decoded documents it keeps take about so many times their BSON. */
const DECODED_PER_BSON_BYTE = 5;

/** Pages of its disk are filled to about 3/4; a document of more than a quarter page ends in a half empty one (measured). */
const PAGE_OVERHEAD = 1.3;
const LARGE_DOCUMENT_BYTES = 1024;
const HALF_PAGE_BYTES = 2048;

/** How much is still to be copied. */
export interface CopiesToMake {
  readonly arms: number;
  /** Golden is made already, or not: a copy more, and its Mongo once more at rest, for the arms to copy. */
  readonly golden: 'made' | 'to be made';
  /** What one Mongo may keep of its documents in memory beside what it needs, bytes. */
  readonly cacheBytes: number;
}

/** What the copies that are still to be made take together. Pure. */
export function roomNeeded(live: LiveSizes, { arms, golden, cacheBytes }: CopiesToMake): Room {
  const { mongo, redis, folderBytes } = live;
  const copies = golden === 'made' ? arms : arms + 1;
  const atRest = golden === 'made' ? 0 : 1;
  const mongoDisk = mongo === undefined ? 0 : diskOfMongo(mongo);
  const mongoMemory = mongo === undefined ? 0 : memoryOfMongo(mongo, cacheBytes);
  // Its dump is seldom larger than what it takes in memory.
  const redisDisk = redis?.memoryBytes ?? 0;
  const redisMemory = redis === undefined ? 0 : EMPTY_REDIS_BYTES + redis.memoryBytes;
  return {
    disk: mongoDisk * (copies + atRest) + (redisDisk + folderBytes) * copies,
    memory: (mongoMemory + redisMemory) * copies,
  };
}

/** The sizes once live is seen to be larger than it said: what was copied already, of all there is. Pure. */
export function grown(
  live: LiveSizes,
  copied: { readonly mongoBytes: number; readonly redisBytes: number },
): LiveSizes {
  const { mongo, redis } = live;
  return {
    ...live,
    mongo: mongo && grownMongo(mongo, copied.mongoBytes),
    redis: redis && { memoryBytes: Math.max(redis.memoryBytes, copied.redisBytes) },
  };
}

function grownMongo<T extends MongoSize>(mongo: T, bytes: number): T {
  if (bytes <= mongo.dataBytes) return mongo;
  // Where nothing was there to begin with, how large its documents are cannot be said: their bytes alone count.
  const factor = mongo.dataBytes === 0 ? 1 : bytes / mongo.dataBytes;
  return {
    ...mongo,
    dataBytes: bytes,
    storageBytes: mongo.dataBytes === 0 ? Math.max(mongo.storageBytes, bytes) : mongo.storageBytes * factor,
    documents: mongo.documents * factor,
    indexEntries: mongo.indexEntries * factor,
  };
}

function diskOfMongo(mongo: NonNullable<LiveSizes['mongo']>): number {
  if (mongo.copiedTo === 'mongod') return mongo.storageBytes;
  const large = mongo.dataBytes > mongo.documents * LARGE_DOCUMENT_BYTES;
  return mongo.dataBytes * PAGE_OVERHEAD + (large ? mongo.documents * HALF_PAGE_BYTES : 0);
}

function memoryOfMongo(mongo: NonNullable<LiveSizes['mongo']>, cacheBytes: number): number {
  if (mongo.copiedTo === 'mongod') return EMPTY_MONGO_BYTES + Math.min(mongo.dataBytes, cacheBytes);
  const indexes = mongo.documents * BYTES_A_DOCUMENT + mongo.indexEntries * BYTES_AN_INDEX_ENTRY;
  return EMPTY_MONGO_BYTES + indexes + Math.min(mongo.dataBytes * DECODED_PER_BSON_BYTE, cacheBytes);
}
