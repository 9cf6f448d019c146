/** The shadow: runs one upgrade beside live and tells what it would change. The only door of shadow/. */
import { prepareArms } from './arms/prepare.js';
import type { ShadowOptions } from './options.js';
import { tryUpgrade as tryWith, type TryOptions } from './try/try-upgrade.js';
import type { ShadowReport } from '../common/index.js';
import { runShadow, type ShadowRun } from './upgrade.js';

export { ArmStartError } from './arms/errors.js';
export { PushSource } from './capture/push-source.js';
export type { ShadowOptions } from './options.js';
export { applyRules, mergeRules, ruleFor } from './report/acceptance.js';
export { pagePolicy, renderPage, type PageOptions } from './report/page/page.js';
export { renderReport, type RenderOptions } from './report/text.js';
export type { TryOptions, TryStores } from './try/try-upgrade.js';
export type { ShadowRun } from './upgrade.js';

/**
 * Begins a shadow upgrade: capture at once, then the clone and the arms, then the replay. Resolves when the capture has
 * begun; `ready()` tells when the replay has. The owner must `stop()` it.
 */
export async function startShadow(options: ShadowOptions): Promise<ShadowRun> {
  return runShadow({ prepare: prepareArms, ...options });
}

/** Runs a whole shadow upgrade without a federation, with requests played from a file. See `TryOptions`. */
export async function tryUpgrade(
  options: Omit<TryOptions, 'prepare'> & Partial<Pick<TryOptions, 'prepare'>>,
): Promise<ShadowReport> {
  return tryWith({ prepare: prepareArms, ...options });
}
