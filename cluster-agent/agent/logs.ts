import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DharmaError, logTail } from '../../common/index.js';

export interface NodeLog {
  /** The node's name, or `proxy`. */
  readonly node: string;
  readonly text: string;
}

/** The last `bytes` of each log in a cluster's folder, of nodes that have ended too. Error: LOG_NOT_FOUND. */
export async function readLogs(dir: string, node: string | undefined, bytes: number): Promise<NodeLog[]> {
  const files = await logFiles(dir);
  if (node !== undefined && !files.has(node)) throw logNotFound(node, [...files.keys()]);
  const wanted = node === undefined ? [...files] : [[node, files.get(node)!] as const];
  return Promise.all(wanted.map(async ([name, file]) => ({ node: name, text: await logTail(file, bytes) })));
}

async function logFiles(dir: string): Promise<Map<string, string>> {
  const folder = join(dir, 'logs');
  const names = existsSync(folder) ? (await readdir(folder)).filter((name) => name.endsWith('.log')) : [];
  const files = new Map(names.map((name) => [basename(name, '.log'), join(folder, name)]));
  const proxy = join(dir, 'proxy', 'proxy.log');
  if (existsSync(proxy)) files.set('proxy', proxy);
  return files;
}

function logNotFound(node: string, known: readonly string[]): DharmaError {
  return new DharmaError({
    code: 'LOG_NOT_FOUND',
    message: `there is no log of "${node}"`,
    found: node,
    remedy: known.length === 0 ? 'No node has been started yet.' : `There are: ${known.join(', ')}`,
    httpStatus: 404,
  });
}
