import { join } from 'node:path';
import { readFile, rename } from 'node:fs/promises';
import { DharmaError, systemCode } from '../errors.js';
import { distPath } from '../paths.js';
import { baseEnv, type ChildSpec } from '../process/child.js';
import { findMongod } from './mongod-binary.js';
import {
  onPort,
  prepareDir,
  sizeOf,
  startStore,
  type StartedStore,
  type StartStoreOptions,
} from './started.js';

export type MongoKind = 'mongod' | 'embedded';

export interface StartedMongo extends StartedStore {
  /** `embedded` is the stand-in of this package, for one machine. */
  readonly kind: MongoKind;
}

export interface StartMongoOptions extends StartStoreOptions {
  /** Which to start; by default a mongod where one can be had, else the embedded server. */
  readonly kind?: MongoKind;
}

/** One try to reach a mongod that is starting, ms. */
const TRY_MS = 1000;

/** Starts a MongoDB on loopback. Errors: STORE_NOT_STARTED; MONGOD_MISSING when `kind` asks for one. */
export async function startMongo(options: StartMongoOptions): Promise<StartedMongo> {
  prepareDir(options.dir);
  const mongod = options.kind === 'embedded' ? undefined : await findMongod();
  if (mongod !== undefined) return onPort(options.port, (port) => startMongod(mongod, port, options));
  if (options.kind === 'mongod') return missing();
  return startEmbedded(options);
}

function missing(): never {
  throw new DharmaError({
    code: 'MONGOD_MISSING',
    message: 'there is no mongod on this machine, and none can be downloaded',
    remedy: 'Install MongoDB, or name a mongod in DHARMA_MONGOD, or give a URI of a MongoDB of your own.',
  });
}

/** mongod names its socket itself, after its port, in a folder: that socket is moved to where it is wanted. */
async function startMongod(command: string, port: number, options: StartMongoOptions): Promise<StartedMongo> {
  const { dir, socket, persist, signal } = options;
  const dbPath = join(dir, 'mongod');
  prepareDir(dbPath);
  const spec: ChildSpec = {
    name: 'mongod',
    command,
    args: [
      ...['--bind_ip', '127.0.0.1', '--port', String(port), '--dbpath', dbPath, '--quiet'],
      ...['--unixSocketPrefix', dbPath, '--filePermissions', '0600'],
      // Journals flush at every commit group; a mirror may wait longer, since nothing of it outlives its process.
      ...(persist ? [] : ['--journalCommitInterval', '500']),
    ],
    cwd: dir,
    env: baseEnv(),
    logFile: join(dir, 'mongod.log'),
  };
  const uri = `mongodb://127.0.0.1:${port}`;
  const [child, version] = await startStore(spec, () => mongoVersion(uri), signal);
  if (socket !== undefined) await rename(join(dbPath, `mongodb-${port}.sock`), socket);
  return {
    kind: 'mongod',
    uri,
    socketPath: socket,
    pid: child.pid,
    version,
    logFile: spec.logFile,
    exited: child.exited,
    close: async () => {
      await child.stop(30_000);
    },
  };
}

async function startEmbedded({
  dir,
  port = 0,
  socket,
  persist,
  signal,
}: StartMongoOptions): Promise<StartedMongo> {
  const logFile = join(dir, 'mongo.log');
  const spec: ChildSpec = {
    name: 'embedded Mongo',
    command: process.execPath,
    args: [
      distPath('common/stores/embedded-mongo/main.js'),
      ...['--dir', join(dir, 'embedded-mongo'), '--port', String(port)],
      ...(socket === undefined ? [] : ['--socket', socket]),
      ...(persist ? [] : ['--no-persist']),
    ],
    cwd: dir,
    env: baseEnv(),
    logFile,
  };
  // What an earlier run wrote to the log is not this one's answer.
  const logStart = await sizeOf(logFile);
  const [child, chosen] = await startStore(spec, () => announcedPort(logFile, logStart), signal);
  const uri = `mongodb://127.0.0.1:${chosen}`;
  return {
    kind: 'embedded',
    uri,
    socketPath: socket,
    pid: child.pid,
    version: (await mongoVersion(uri)) ?? 'unknown',
    logFile,
    exited: child.exited,
    close: async () => {
      await child.stop(30_000);
    },
  };
}

/** The port in the line the embedded server prints when it listens. */
async function announcedPort(logFile: string, from: number): Promise<number | undefined> {
  const text = await readLog(logFile, from);
  const line = text.split('\n').find((candidate) => candidate.startsWith('{"event":"listening"'));
  return line === undefined ? undefined : (JSON.parse(line) as { port: number }).port;
}

async function readLog(logFile: string, from: number): Promise<string> {
  try {
    const text = (await readFile(logFile)).subarray(from).toString('utf8');
    // An unfinished last line is not read.
    return text.slice(0, text.lastIndexOf('\n') + 1);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** The version of the MongoDB at `uri`. Rejects with the driver's error when it does not answer within `withinMs`. */
export async function askMongoVersion(uri: string, withinMs: number): Promise<string> {
  const { MongoClient } = await import('mongodb'); // Whoever has no database does not load its driver.
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: withinMs, connectTimeoutMS: withinMs });
  try {
    const { version } = await client.db('admin').command({ buildInfo: 1 });
    return String(version);
  } finally {
    await client.close();
  }
}

/** The same while a server starts: undefined as long as it does not answer. */
async function mongoVersion(uri: string): Promise<string | undefined> {
  return askMongoVersion(uri, TRY_MS).catch(() => undefined);
}
