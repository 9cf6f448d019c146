import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { clusterConfigSchema, DharmaError, ExitCode, readConfig } from '../../common/index.js';
import type { OptionSpec } from './command.js';
import { textOption } from './options.js';

/** Options of commands that change clusters' configs. */
export const CONFIG_OPTIONS: readonly OptionSpec[] = [
  { flags: '--config <file>', about: "the clusters' config (JSON), whole" },
  { flags: '--size <size>', about: "size of the nodes, by the provider's name" },
  { flags: '--cluster <name>', about: 'the cluster that --config or --size is for (default: all)' },
];

export interface ConfigChangeInput {
  readonly config?: Record<string, unknown>;
  readonly nodeSize?: string;
  readonly cluster?: string;
}

/**
 * What the options say is to change, as the API takes it; undefined: no config. Errors: CONFIG_INVALID, CONFIG_NOT_JSON,
 * USAGE.
 */
export async function configChange(
  options: Readonly<Record<string, unknown>>,
): Promise<ConfigChangeInput | undefined> {
  const [file, size, cluster] = ['config', 'size', 'cluster'].map((key) => textOption(options, key));
  if (file === undefined && size === undefined) {
    if (cluster !== undefined) throw clusterOfNothing(cluster);
    return undefined;
  }
  // Said here, with the file's name.
  if (file !== undefined) await readConfig(clusterConfigSchema, resolve(file));
  const text = file === undefined ? undefined : await readFile(resolve(file), 'utf8');
  return {
    ...(text === undefined ? {} : { config: JSON.parse(text) as Record<string, unknown> }),
    ...(size === undefined ? {} : { nodeSize: size }),
    ...(cluster === undefined ? {} : { cluster }),
  };
}

function clusterOfNothing(cluster: string): DharmaError {
  return new DharmaError({
    code: 'USAGE',
    message: '--cluster says which cluster --config or --size is for: a release is for all of them',
    found: cluster,
    remedy: 'Give --config or --size with it, or leave it out.',
    exitCode: ExitCode.usage,
  });
}
