import { isDeepStrictEqual } from 'node:util';
import { clusterConfigSchema, parseConfig, type ClusterConfig } from '../../common/index.js';
import { configUnchanged } from '../clusters/errors.js';
import { clusterUnknown } from '../clusters/reconciler.js';
import type { ClusterDocument, ConfigChange } from '../state/documents.js';

/** Another config for clusters, whole, or another size of their nodes. */
export interface ClusterChange {
  /** Default: all. */
  readonly cluster?: string | undefined;
  readonly config?: Record<string, unknown> | undefined;
  readonly nodeSize?: string | undefined;
}

/** Whether it changes any config. Pure. */
export function changesConfigs({ config, nodeSize }: ClusterChange): boolean {
  return config !== undefined || nodeSize !== undefined;
}

/**
 * Which configs it changes, of those that serve, and how. Pure.
 * Errors: CLUSTER_UNKNOWN, CONFIG_INVALID, CONFIG_UNCHANGED.
 */
export function configChanges(
  clusters: readonly ClusterDocument[],
  { cluster, config, nodeSize }: ClusterChange,
): readonly ConfigChange[] {
  const meant = clusters.filter(
    ({ _id: name, state }) => state === 'live' && (cluster === undefined || name === cluster),
  );
  if (cluster !== undefined && meant.length === 0) throw clusterUnknown(cluster);
  const changes = meant.map(({ _id: name, config: before }): ConfigChange => {
    const whole =
      config === undefined
        ? before
        : parseConfig(clusterConfigSchema, config, `the config of cluster "${name}"`);
    const after = { ...whole, ...(nodeSize === undefined ? {} : { nodeSize }) };
    return { cluster: name, before, after };
  });
  const changed = changes.filter(({ before, after }) => !isDeepStrictEqual(after, before));
  if (changed.length === 0) throw configUnchanged(meant.map(({ _id: name }) => name));
  return changed;
}

/** What a change changes, key by key, for people; values of env are not told. Pure. */
export function changedKeys({ before, after }: Pick<ConfigChange, 'before' | 'after'>): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof ClusterConfig)[];
  return keys
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) =>
      key === 'env' ? envChange(before.env, after.env) : `${key} ${show(before[key])} → ${show(after[key])}`,
    );
}

function envChange(before: ClusterConfig['env'], after: ClusterConfig['env']): string {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return `env ${names.filter((name) => before[name] !== after[name]).join(', ')}`;
}

function show(value: unknown): string {
  return value === undefined ? '-' : typeof value === 'string' ? value : JSON.stringify(value);
}
