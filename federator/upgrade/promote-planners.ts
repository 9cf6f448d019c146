import { DharmaError, type Release } from '../../common/index.js';
import type { Planner, Step } from '../operations/plan.js';
import type { OperationDocument, UpgradeDocument } from '../state/documents.js';
import { assetFiles, type AssetSource } from './assets.js';
import type { UpgradeContext } from './context.js';
import { promotedMeanwhile, promoteNothing } from './errors.js';
import { endShadowSteps, nothingChanges, releaseMissing } from './shadow-planners.js';
import {
  back,
  coolEverywhere,
  flip,
  flipEverywhere,
  forgetAssets,
  forth,
  takeBack,
  warmEverywhere,
  type Move,
} from './traffic.js';

/** How long taking back a promotion may wait for the agents. */
const UNDO_MS = 60_000;

/**
 * Moves all clusters to the upgrade's release, and those whose config changes to the new one with it, one by one; the old
 * nodes are kept warm for the rollback window.
 */
export function promotePlanner(context: UpgradeContext): Planner {
  return async (operation) => {
    const upgrade = await installed(context, operation);
    return [
      promotingStep(context, operation),
      ...(await moveSteps(context, upgrade, async () => upgrade.next)),
      promotedStep(context, operation, async () => upgrade.next),
      forgetStep(context),
      ...endShadowSteps(context, operation),
    ];
  };
}

/**
 * Installs a folder, or the live release with other assets, as a release, and moves all clusters to it; or gives clusters
 * their new configs; or both. Like a promotion without a shadow before it.
 */
export function deployPlanner(context: UpgradeContext): Planner {
  return async (operation) => {
    const { subject: id } = operation;
    const upgrade = await context.upgrades.get(id);
    if (upgrade === undefined) throw new Error(`no upgrade ${id}`);
    const install: Step = {
      name: 'install',
      doing: 'installing the release',
      run: async (signal) => {
        const release = await makeRelease(context, operation, upgrade.base, signal);
        await context.records.remember(release);
        await context.upgrades.setNext(id, release.id);
      },
    };
    // Which release it is stands in the database only after the install: the steps look when they run.
    const next = async (): Promise<string> => (await installed(context, operation)).next;
    return [
      { ...promotingStep(context, operation), run: async () => undefined },
      ...(changesRelease(upgrade) ? [install] : []),
      ...(await moveSteps(context, upgrade, next)),
      promotedStep(context, operation, next),
      forgetStep(context),
    ];
  };
}

/** An upgrade of configs alone has its release from the first. */
function changesRelease({ base, next }: UpgradeDocument): boolean {
  return next !== base;
}

/** Errors: those of ReleaseStore and `assetFiles`; RELEASE_MISSING, NOTHING_CHANGES. */
async function makeRelease(
  { releases }: UpgradeContext,
  { input }: OperationDocument,
  live: string,
  signal: AbortSignal,
): Promise<Release> {
  if (typeof input.app === 'string') return releases.create(input.app, { signal });
  const base = await releases.get(live);
  if (base === undefined) throw releaseMissing(live);
  const files = await assetFiles(base.dir, input.assets as AssetSource);
  const next = await releases.update(base, { files }, { signal });
  if (next.id === base.id) throw nothingChanges(['assets']);
  return next;
}

/** After a promotion: back to the old nodes, which are warm. Before it: the end of remote1. */
export function rollbackPlanner(context: UpgradeContext): Planner {
  return async (operation): Promise<readonly Step[]> => {
    const upgrade = await context.upgrades.get(operation.subject);
    if (upgrade === undefined) throw new Error(`no upgrade ${operation.subject}`);
    const rolledBack: Step = {
      name: 'rolled-back',
      doing: 'noting the end',
      run: async () => {
        const from = ['rolling-back', 'starting', 'shadowing', 'stopped'] as const;
        if (await context.upgrades.move(upgrade._id, from, 'rolled-back')) return;
        // The promotion that was to be turned back was past the point of no return.
        if ((await context.upgrades.get(upgrade._id))?.state === 'promoted') throw promotedMeanwhile();
      },
    };
    if (operation.input.promoted !== true) return [...endShadowSteps(context, operation), rolledBack];
    return [
      {
        name: 'flip-back',
        doing: 'moving the traffic back',
        run: (signal) => flipEverywhere(context, upgrade.next, back(upgrade), signal),
      },
      {
        name: 'live',
        doing: 'noting the live release',
        run: () => context.clusters.setFederation({ live: upgrade.base }),
      },
      rolledBack,
      forgetStep(context),
      { name: 'cool', doing: 'ending the new nodes', run: () => coolEverywhere(context) },
    ];
  };
}

/** Ends the rollback windows that are over: their old nodes are no longer kept. */
export async function settleDue(context: UpgradeContext, now: Date): Promise<void> {
  const due = await context.database.upgrades
    .find({ state: 'promoted', rollbackUntil: { $lte: now } })
    .toArray();
  for (const { _id: id } of due) {
    if (!(await context.upgrades.move(id, ['promoted'], 'settled'))) continue;
    const running = await context.upgrades.running();
    await coolEverywhere(
      context,
      running === undefined || running.next === null ? [] : [running.next, running.base],
    );
  }
}

function promotingStep({ upgrades }: UpgradeContext, { subject: id, input }: OperationDocument): Step {
  return {
    name: 'promoting',
    doing: 'beginning the promotion',
    run: async () => {
      // Already `promoting`, where it was cut short after this; anything else is the end of the upgrade.
      if (await upgrades.move(id, ['shadowing', 'stopped', 'promoting'], 'promoting')) return;
      throw promoteNothing(await upgrades.get(id));
    },
    undo: async (reason) => {
      const error = reason instanceof DharmaError ? { error: reason.toJSON() } : {};
      const from = input.from === 'shadowing' || input.from === 'stopped' ? input.from : 'failed';
      await upgrades.move(id, ['promoting'], from, error);
    },
  };
}

/** `next`: which release it is, once that is known. */
async function moveSteps(
  context: UpgradeContext,
  upgrade: UpgradeDocument,
  next: () => Promise<string>,
): Promise<Step[]> {
  const move = async (): Promise<Move> => forth(upgrade, await next());
  const clusters = await context.clusters.list();
  return [
    ...(changesRelease(upgrade)
      ? [
          {
            name: 'warm',
            doing: 'starting and testing the new nodes',
            run: async (signal: AbortSignal) => warmEverywhere(context, await move(), signal),
            undo: () => coolEverywhere(context),
          },
        ]
      : []),
    forgetIfUndoneStep(context),
    ...clusters
      .filter(
        ({ _id: name }) =>
          changesRelease(upgrade) || upgrade.configs?.some(({ cluster }) => cluster === name),
      )
      .map(({ _id: name }): Step => ({
        name: `flip:${name}`,
        doing: `moving the traffic of ${name}`,
        run: async (signal) => flip(context, name, await move(), signal),
        undo: () => takeBack(context, name, back(upgrade), AbortSignal.timeout(UNDO_MS)),
      })),
  ];
}

/** Once all clusters serve the other release: while they do not, the edge may store of either. */
const forgetStep = (context: UpgradeContext): Step => ({
  name: 'forget-assets',
  doing: 'forgetting stored assets',
  run: () => forgetAssets(context),
});

/** Before the first cluster is moved, so that it is the last thing that is taken back. */
const forgetIfUndoneStep = (context: UpgradeContext): Step => ({
  name: 'assets',
  doing: 'noting that assets may change',
  run: async () => undefined,
  undo: () => forgetAssets(context),
});

function promotedStep(
  context: UpgradeContext,
  operation: OperationDocument,
  next: () => Promise<string>,
): Step {
  return {
    name: 'promoted',
    doing: 'noting the new release',
    final: true,
    run: async () => markPromoted(context, operation, await next()),
  };
}

async function markPromoted(
  context: UpgradeContext,
  operation: OperationDocument,
  next: string,
): Promise<void> {
  const { rollbackWindowMs } = operation.input;
  const windowMs = typeof rollbackWindowMs === 'number' ? rollbackWindowMs : context.rollbackWindowMs;
  const promotedAt = new Date();
  await context.clusters.setFederation({ live: next });
  await context.upgrades.move(operation.subject, ['promoting'], 'promoted', {
    promotedAt,
    rollbackUntil: new Date(promotedAt.getTime() + windowMs),
  });
  context.reconciler.nudge();
  await settleEarlier(context, operation.subject);
}

/** A promotion ends the rollback windows of those before it: one step back is kept, not a stack of them. */
async function settleEarlier(context: UpgradeContext, latest: string): Promise<void> {
  const earlier = await context.database.upgrades.find({ state: 'promoted', _id: { $ne: latest } }).toArray();
  for (const { _id: id } of earlier) await context.upgrades.move(id, ['promoted'], 'settled');
  const upgrade = await context.upgrades.get(latest);
  if (upgrade !== undefined) await coolEverywhere(context, [upgrade.base]);
}

async function installed(
  context: UpgradeContext,
  { subject: id }: OperationDocument,
): Promise<UpgradeDocument & { next: string }> {
  const upgrade = await context.upgrades.get(id);
  if (upgrade === undefined || upgrade.next === null) throw new Error(`upgrade ${id} has no release`);
  return { ...upgrade, next: upgrade.next };
}
