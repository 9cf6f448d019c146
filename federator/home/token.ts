import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { DharmaError } from '../../common/index.js';
import { readIfThere, writePrivateFile } from './files.js';
import type { Home } from './home.js';

/** The operator's token: read, or made the first time (32 random bytes). */
export async function ensureToken(home: Home): Promise<string> {
  const known = await readIfThere(home.tokenFile);
  if (known !== undefined && known.trim() !== '') return known.trim();
  const token = randomBytes(32).toString('base64url');
  await writePrivateFile(home.tokenFile, `${token}\n`);
  return token;
}

/** Error: NOT_RUNNING, where no federation was ever started in this home. */
export async function readToken(home: Home): Promise<string> {
  const token = await readIfThere(home.tokenFile);
  if (token === undefined) throw notRunning(home);
  return token.trim();
}

/** Whether two tokens are equal, in a time that tells nothing about where they differ or how long they are. */
export function sameToken(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

export function notRunning(home: Home): DharmaError {
  return new DharmaError({
    code: 'NOT_RUNNING',
    message: `no federation runs in ${home.dir}`,
    remedy: 'Start it with: federate up (or name another home with --home DIR).',
  });
}
