import { lookup } from 'node:dns/promises';
import { accepts } from '../net.js';
import { findExecutable } from './started.js';

/** Where mongodb-memory-server downloads from. */
const DOWNLOAD_HOST = 'fastdl.mongodb.org';
/** No answer of the host within this time means no network worth waiting for, ms. */
const PROBE_MS = 1500;
/** A download that has begun may take so long, ms: about 100 MB at 1 MB/s. */
const DOWNLOAD_MS = 120_000;

let found: Promise<string | undefined> | undefined;

/**
 * Path of a mongod: the one `DHARMA_MONGOD` names, of PATH, of mongodb-memory-server's cache, or downloaded by it
 * where that can be had. Undefined when there is none, or when DHARMA_MONGOD says `embedded`. Looked for once: processes
 * that are started from here (`baseEnv`) are told, so that a federation's shadow has the MongoDB that its live has.
 */
export async function findMongod(): Promise<string | undefined> {
  found ??= locate(process.env.DHARMA_MONGOD).then((path) => {
    process.env.DHARMA_MONGOD = path ?? 'embedded';
    return path;
  });
  return found;
}

async function locate(named: string | undefined): Promise<string | undefined> {
  if (named === 'embedded') return undefined;
  if (named !== undefined && named !== '') return named;
  return findExecutable('mongod') ?? (await cached()) ?? (await downloaded());
}

async function cached(): Promise<string | undefined> {
  const { DryMongoBinary } = await import('mongodb-memory-server');
  return DryMongoBinary.locateBinary(DryMongoBinary.getEnsuredOptions());
}

async function downloaded(): Promise<string | undefined> {
  if (!(await reachable())) return undefined;
  const { MongoBinary } = await import('mongodb-memory-server');
  // A download that comes to nothing is no failure: the embedded server does the work.
  return within(MongoBinary.getPath(), DOWNLOAD_MS).catch(() => undefined);
}

async function reachable(): Promise<boolean> {
  const address = await within(lookup(DOWNLOAD_HOST), PROBE_MS).catch(() => undefined);
  return address !== undefined && accepts({ host: address.address, port: 443 }, PROBE_MS);
}

/** The promise's result, or undefined when it takes longer than `ms`. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
