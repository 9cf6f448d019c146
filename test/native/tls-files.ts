import { copyFile, chmod } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** See fixtures/tls/README.md. */
export type Certificate = 'a' | 'a2' | 'b' | 'node' | 'client' | 'stranger';

const fixture = (name: string): string => resolve('test/native/fixtures/tls', name);

/** Paths for the proxy's config; keys are copied, since git does not keep that they are private. */
export async function pair(folder: string, name: Certificate): Promise<{ certificate: string; key: string }> {
  const key = join(folder, `${name}.key`);
  await copyFile(fixture(`${name}.key`), key);
  await chmod(key, 0o600);
  return { certificate: fixture(`${name}.pem`), key };
}

/** PEM texts, for node:tls. */
export const pems = (name: Certificate): { cert: Buffer; key: Buffer } => ({
  cert: readFileSync(fixture(`${name}.pem`)),
  key: readFileSync(fixture(`${name}.key`)),
});

export const caFile = fixture('ca.pem');
export const ca = readFileSync(caFile);
