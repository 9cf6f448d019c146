import { isDeepStrictEqual } from 'node:util';
import type { ClusterConfig } from '../../common/index.js';
import { CONVERGE_MS, isConverged } from '../clusters/planners.js';
import type { Step } from '../operations/plan.js';
import type { ConfigChange } from '../state/documents.js';
import type { UpgradeContext } from './context.js';

/**
 * Gives running clusters their new configs, one after the other: nodes that must change for it are started and tested beside
 * those that serve. What cannot be brought about is taken back.
 */
export function configSteps(context: UpgradeContext, changes: readonly ConfigChange[] = []): Step[] {
  return changes.map(({ cluster, before, after }) => ({
    name: `config:${cluster}`,
    doing: `bringing about the config of ${cluster}`,
    run: async (signal) => {
      await write(context, cluster, after);
      await context.reconciler.waitFor(cluster, isConverged, signal, CONVERGE_MS);
    },
    undo: async () => {
      await write(context, cluster, before);
    },
  }));
}

/** Gives clusters back the configs they had; one that is no more needs none. */
export function configBackSteps(context: UpgradeContext, changes: readonly ConfigChange[] = []): Step[] {
  return changes.map(({ cluster, before }) => ({
    name: `config-back:${cluster}`,
    doing: `bringing back the config of ${cluster}`,
    run: async (signal) => {
      if (await write(context, cluster, before))
        await context.reconciler.waitFor(cluster, isConverged, signal, CONVERGE_MS);
    },
  }));
}

/** False when there is no such cluster. */
async function write(
  { clusters, reconciler }: UpgradeContext,
  cluster: string,
  config: ClusterConfig,
): Promise<boolean> {
  const now = await clusters.get(cluster);
  // Told again, an agent would converge again.
  const isThere = isDeepStrictEqual(now?.config, config) || (await clusters.change(cluster, { config }));
  reconciler.nudge();
  return isThere;
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
