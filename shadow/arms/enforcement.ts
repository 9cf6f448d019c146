import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { DharmaError, ExitCode, findNative, type AppManifest, type GuardCount } from '../../common/index.js';

export type Enforcement = GuardCount['enforcement'];

/** What this machine and these releases allow. */
export interface EnforcementFacts {
  /** Undefined: a jail can be made here; else why not. */
  readonly noJailBecause: string | undefined;
  /** Both releases run on Node, where a preload can hold them. */
  readonly node: boolean;
  /** The operator's word to go on without. */
  readonly unguarded: boolean;
}

/**
 * How the guard is enforced: by the kernel where that can be had, else inside Node, else not at all and only by the
 * operator's word. Pure. Error: GUARD_NOT_ENFORCEABLE.
 */
export function chooseEnforcement(facts: EnforcementFacts): Enforcement {
  if (facts.noJailBecause === undefined) return 'namespace';
  if (facts.node) return 'preload';
  if (facts.unguarded) return 'none';
  throw new DharmaError({
    code: 'GUARD_NOT_ENFORCEABLE',
    message: 'nothing on this machine can keep the copies of the app from reaching the outside',
    found: `no jail: ${facts.noJailBecause}; no preload: the app is not started by node`,
    remedy: 'Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), or say --allow-unguarded.',
    exitCode: ExitCode.inputNeeded,
  });
}

/** Whether an app's command is Node's own, so that preloads reach it. */
export function runsOnNode(manifest: Pick<AppManifest, 'command'>): boolean {
  // A release's manifest has its command filled in; what has none yet is package.json's main.
  return manifest.command === undefined || basename(manifest.command[0]!) === 'node';
}

/** Asks dharma-run. Undefined: a jail can be made here; else why not, for people. */
export async function whyNoJail(): Promise<string | undefined> {
  const launcher = findNative('dharma-run');
  if (launcher === undefined) return 'dharma-run is not built (npm run build:native)';
  return new Promise((resolve) => {
    execFile(launcher, ['--probe-jail'], { timeout: 10_000 }, (error, stdout) => {
      if (error === null) resolve(undefined);
      else resolve(stdout.trim() === '' ? error.message : stdout.trim());
    });
  });
}
