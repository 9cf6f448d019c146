import { DharmaError, systemClock, throwIfAborted, type ShadowStatus } from '../../common/index.js';
import type { Planner, Step } from '../operations/plan.js';
import type { OperationDocument } from '../state/documents.js';
import type { UpgradeContext } from './context.js';
import { recordOutbound } from './traffic.js';

/** How often the worker's status is read while it starts. */
const WORKER_POLL_MS = 200;

/** Installs the update, turns the copying on and starts the worker; ends when it replays. */
export function shadowStartPlanner(context: UpgradeContext): Planner {
  return async ({ subject: upgrade }): Promise<readonly Step[]> => [
    {
      name: 'begin',
      doing: 'preparing the upgrade',
      run: async () => undefined, // Written by whoever asked for it; here for its undo, which is the last of all.
      undo: async (reason) => {
        const error = reason instanceof DharmaError ? { error: reason.toJSON() } : {};
        await context.upgrades.move(upgrade, ['starting', 'shadowing'], 'failed', error);
      },
    },
    { name: 'install', doing: 'installing the update', run: (signal) => install(context, upgrade, signal) },
    {
      name: 'record-outbound',
      doing: "recording the app's outbound calls",
      run: (signal) => recordOutbound(context, true, signal),
      undo: () => recordOutbound(context, false, AbortSignal.timeout(30_000)),
    },
    {
      name: 'capture',
      doing: 'copying live requests',
      run: (signal) => capture(context, true, signal),
      undo: () => capture(context, false, AbortSignal.timeout(30_000)),
    },
    {
      name: 'worker',
      doing: 'cloning remote0 into remote1',
      run: (signal) => startWorker(context, upgrade, signal),
      undo: () => context.supervisor.stopWorker(upgrade),
    },
    {
      name: 'shadowing',
      doing: 'replaying',
      run: async (signal) => {
        // Cut short here with everything else, the worker is gone: an upgrade that shadows has one.
        await startWorker(context, upgrade, signal);
        await context.upgrades.move(upgrade, ['starting'], 'shadowing');
      },
    },
  ];
}

/** Ends the shadow; its report stays, and the upgrade can still be promoted. */
export function shadowStopPlanner(context: UpgradeContext): Planner {
  return async (operation): Promise<readonly Step[]> => [
    ...endShadowSteps(context, operation),
    {
      name: 'stopped',
      doing: 'noting the end',
      run: async () => {
        await context.upgrades.move(operation.subject, ['shadowing', 'starting'], 'stopped');
      },
    },
  ];
}

/** Ends remote1, the copying and the recording, in the order in which each needs the next. */
export function endShadowSteps(context: UpgradeContext, operation: OperationDocument): readonly Step[] {
  const upgrade = operation.subject;
  return [
    {
      name: 'cancel-others',
      doing: 'ending what is under way',
      run: (signal) => context.cancelOthers(upgrade, operation._id, signal),
    },
    { name: 'end-worker', doing: 'ending remote1', run: () => context.supervisor.stopWorker(upgrade) },
    {
      name: 'end-capture',
      doing: 'no longer copying requests',
      run: (signal) => capture(context, false, signal),
    },
    {
      name: 'end-recording',
      doing: 'no longer recording outbound calls',
      run: (signal) => recordOutbound(context, false, signal),
    },
  ];
}

async function install(context: UpgradeContext, id: string, signal: AbortSignal): Promise<void> {
  const { upgrades, releases, records } = context;
  const upgrade = await upgrades.get(id);
  if (upgrade === undefined) throw new Error(`no upgrade ${id}`);
  // Of configs alone: the release stays.
  if (upgrade.next === upgrade.base) return;
  const base = await releases.get(upgrade.base);
  if (base === undefined) throw releaseMissing(upgrade.base);
  const next = await releases.update(base, upgrade.change, { signal });
  if (next.id === base.id) throw nothingChanges(upgrade.change.packages ?? []);
  await records.remember(next);
  await upgrades.setNext(id, next.id);
}

async function capture(context: UpgradeContext, on: boolean, signal: AbortSignal): Promise<void> {
  await context.clusters.setFederation({ capture: on });
  await context.reconciler.tick(signal);
}

async function startWorker(context: UpgradeContext, upgrade: string, signal: AbortSignal): Promise<void> {
  const { workers } = await context.supervisor.state();
  // What an earlier worker told is no word of this one's.
  if (!workers.some(({ name }) => name === upgrade))
    await context.database.reports.deleteOne({ _id: upgrade });
  await context.supervisor.runWorker(upgrade);
  for (;;) {
    throwIfAborted(signal);
    const told = await context.database.reports.findOne({ _id: upgrade });
    if (told?.status.phase === 'failed') throw workerFailed(told.status.error);
    if (told?.status.phase === 'replaying') return;
    await systemClock.sleep(WORKER_POLL_MS, signal);
  }
}

function workerFailed(error: ShadowStatus['error']): DharmaError {
  return new DharmaError(
    error ?? {
      code: 'SHADOW_FAILED',
      message: 'the shadow could not be started',
      remedy: 'Look into its log with: federate logs shadow',
    },
  );
}

export function nothingChanges(packages: readonly string[]): DharmaError {
  return new DharmaError({
    code: 'NOTHING_CHANGES',
    message: 'the update leaves the release as it is',
    found: packages.join(' '),
    remedy: 'Name a version, or files, that differ from what is installed.',
  });
}

export function releaseMissing(id: string): DharmaError {
  return new DharmaError({
    code: 'RELEASE_MISSING',
    message: `release ${id} is not installed on this machine`,
    remedy: "Deploy the app's folder again with: federate deploy DIR",
  });
}
