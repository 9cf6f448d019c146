import { z } from 'zod';
import { readIfThere, writePrivateFile } from './files.js';
import type { Home } from './home.js';
import { notRunning } from './token.js';

/** What runs where. Written by the supervisor (mode 0600: URIs may hold passwords), read by everything else. */
export const runtimeSchema = z.object({
  federation: z.string(),
  /** URIs of the federation's own stores and of the app's. */
  stores: z.object({ mongo: z.string(), redis: z.string() }),
  app: z.object({ mongo: z.string(), redis: z.string() }),
  /** How Mongo runs here: `embedded` is for one machine, and says so. */
  mongoKind: z.string(),
  edge: z.object({ address: z.string(), port: z.int(), tlsPort: z.int().optional() }),
  api: z.object({ port: z.int() }),
  rollbackWindowMs: z.number(),
});

export type Runtime = z.output<typeof runtimeSchema>;

export async function writeRuntime(home: Home, runtime: Runtime): Promise<void> {
  await writePrivateFile(home.runtimeFile, `${JSON.stringify(runtime, null, 2)}\n`);
}

/** Error: NOT_RUNNING. */
export async function readRuntime(home: Home): Promise<Runtime> {
  const text = await readIfThere(home.runtimeFile);
  if (text === undefined) throw notRunning(home);
  return runtimeSchema.parse(JSON.parse(text));
}
