/** The shadow: runs one upgrade beside live and tells what it would change. The only door of shadow/. */
import { prepareArms } from './arms/prepare.js';
import { AttributedRun, type LiveAttributionOptions } from './attribute/attributed-run.js';
import type { ShadowOptions } from './options.js';
import { tryUpgrade as tryWith, type TryOptions } from './try/try-upgrade.js';
import type { ShadowReport } from '../common/index.js';
import { runShadow, type EngineOptions, type ShadowRun } from './upgrade.js';

export { ArmStartError } from './arms/errors.js';
export type { LiveAttributionOptions } from './attribute/attributed-run.js';
export { fixedBudget, shareOfFree } from './capture/disk-budget.js';
export { prepareArms } from './arms/prepare.js';
export { Keeper } from './keeper/keeper.js';
export { joinKeeper, type KeptRun } from './keeper/kept-run.js';
export { freeDisk } from './room/free-room.js';
export { PushSource } from './capture/push-source.js';
export type { ShadowOptions } from './options.js';
export { applyRules, mergeRules, ruleFor } from './report/acceptance.js';
export { pagePolicy, renderPage, type PageOptions } from './report/page/page.js';
export { renderReport, type RenderOptions } from './report/text.js';
export type { TryOptions, TryStores } from './try/try-upgrade.js';

/** A shadow upgrade while it runs; what its functions do stands at ShadowRun. */
export type RunningShadow = Pick<ShadowRun, 'ready' | 'status' | 'report' | 'drained' | 'stop'>;

/**
 * Begins a shadow upgrade: capture at once, then the clone and the arms, then the replay. Resolves when the capture has
 * begun; `ready()` tells when the replay has. With `attribution`, it also finds out which changes make which difference.
 * The owner must `stop()` it.
 */
export async function startShadow(
  options: ShadowOptions,
  attribution?: LiveAttributionOptions,
): Promise<RunningShadow> {
  const engine: EngineOptions = { prepare: prepareArms, ...options };
  return attribution === undefined
    ? runShadow(engine)
    : AttributedRun.start(engine, { ...attribution, prepare: prepareArms });
}

/** Runs a whole shadow upgrade without a federation, with requests played from a file. See `TryOptions`. */
export async function tryUpgrade(
  options: Omit<TryOptions, 'prepare'> & Partial<Pick<TryOptions, 'prepare'>>,
): Promise<ShadowReport> {
  return tryWith({ prepare: prepareArms, ...options });
}
