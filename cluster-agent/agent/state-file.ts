import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  DharmaError,
  messageOf,
  parseConfig,
  systemCode,
  type ClusterSpec,
  type Logger,
} from '../../common/index.js';
import type { Measurement } from '../routetest/measure.js';
import { specSchema } from './spec-schema.js';

/** What an agent must know again when it was killed: its last spec, and what was measured of which release. */
export interface AgentState {
  readonly spec: ClusterSpec;
  readonly measurements: Readonly<Record<string, readonly Measurement[]>>;
}

const stateSchema = z.strictObject({
  spec: specSchema,
  measurements: z.record(
    z.string(),
    z.array(
      z.strictObject({
        endpoint: z.string(),
        median: z.number(),
        mean: z.number(),
        loadedMedian: z.number().optional(),
        work: z.number().optional(),
        count: z.number(),
        errors: z.number(),
      }),
    ),
  ),
});

const FILE = 'agent.json';

/** The state in `dir`; undefined where there is none, or none that can be read: the federator tells it all again. */
export async function readState(dir: string, log: Logger): Promise<AgentState | undefined> {
  const file = join(dir, FILE);
  try {
    return parseConfig(stateSchema, JSON.parse(await readFile(file, 'utf8')), file) as AgentState;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT')
      log.warn({ file, error: messageOf(error) }, 'the last state cannot be read');
    return undefined;
  }
}

/** Replaces the state in one step. It holds the stores' URIs: for this user's eyes only. Error: STATE_NOT_WRITTEN. */
export async function writeState(dir: string, state: AgentState): Promise<void> {
  const file = join(dir, FILE);
  try {
    await writeFile(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (error) {
    throw new DharmaError({
      code: 'STATE_NOT_WRITTEN',
      message: `the agent's state could not be written: ${messageOf(error)}`,
      found: file,
      remedy: 'Make room, or give the right to write there.',
      httpStatus: 507,
      cause: error,
    });
  }
}
