import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DharmaError,
  isLate,
  throwIfAborted,
  withDeadline,
  type ChangeSet,
  type Clock,
  type Release,
  type ReleaseStore,
  type ShadowReport,
} from '../../common/index.js';
import { PACKAGE_FILES, type Change, type Sides } from './changes.js';
import { readInstalled } from './installed.js';
import { misfits, mixedManifest } from './mix.js';

/** How much of what was captured a trial replays, in how many arms. */
export interface Extent {
  /** The first so many requests. */
  readonly requests: number;
  readonly arms: '2x2' | '1x1';
}

/** Runs the old release beside another one, as the report that is explained was made. */
export type Rehearse = (fresh: Release, extent: Extent, signal: AbortSignal) => Promise<ShadowReport>;

export type TrialResult =
  | { readonly kind: 'ran'; readonly report: ShadowReport }
  | { readonly kind: 'unresolved'; readonly because: string }
  | { readonly kind: 'spent' };

export interface TrialOptions {
  readonly old: Release;
  readonly next: Release;
  readonly sides: Sides;
  readonly changes: readonly Change[];
  readonly releases: ReleaseStore;
  readonly rehearse: Rehearse;
  /** A folder for what is written meanwhile. */
  readonly workDir: string;
  readonly deadlineMs: number;
  readonly maxTrials: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onTrial: (trial: number, taken: readonly Change[]) => void;
}

/** Mixed releases, each tried at most once, within a deadline and a number of trials. */
export class Trials {
  readonly #options: TrialOptions;
  readonly #results = new Map<string, Promise<TrialResult>>();
  readonly #endsAt: number;
  readonly unresolved: { changes: readonly string[]; because: string }[] = [];
  #extent: Extent;
  #made = 0;

  constructor(options: TrialOptions, extent: Extent) {
    this.#options = options;
    this.#extent = extent;
    this.#endsAt = options.clock.monotonic() + options.deadlineMs;
  }

  get made(): number {
    return this.#made;
  }

  get extent(): Extent {
    return this.#extent;
  }

  /** From now on with more requests or arms: what was tried with less is forgotten. */
  widen(extent: Extent): void {
    this.#extent = extent;
    this.#results.clear();
  }

  /** The old release with these changes beside the old one. */
  try(taken: readonly Change[]): Promise<TrialResult> {
    const id = taken
      .map(({ key }) => key)
      .sort()
      .join('\n');
    const known = this.#results.get(id);
    if (known !== undefined) return known;
    const result = this.#make(taken);
    this.#results.set(id, result);
    return result;
  }

  async #make(taken: readonly Change[]): Promise<TrialResult> {
    const { clock, maxTrials, signal, onTrial } = this.#options;
    const leftMs = this.#endsAt - clock.monotonic();
    if (this.#made >= maxTrials || leftMs <= 0) return { kind: 'spent' };
    onTrial(++this.#made, taken);
    let deadline: AbortSignal | undefined;
    try {
      return await withDeadline(leftMs, signal, async (limit) => {
        deadline = limit;
        return await this.#run(taken, limit);
      });
    } catch (error) {
      throwIfAborted(signal);
      if (deadline !== undefined && isLate(deadline)) return { kind: 'spent' };
      // What an operator's mix of packages brings about is an outcome; a bug is not.
      if (!(error instanceof DharmaError)) throw error;
      return this.#unresolved(taken, error.message);
    }
  }

  async #run(taken: readonly Change[], signal: AbortSignal): Promise<TrialResult> {
    const { old, next, sides, changes, rehearse, releases } = this.#options;
    if (taken.length === 0) return { kind: 'ran', report: await rehearse(old, this.#extent, signal) };
    if (taken.length === changes.length)
      return { kind: 'ran', report: await rehearse(next, this.#extent, signal) };
    const mixed = await this.#install(taken, signal);
    try {
      const keys = new Set(taken.map(({ key }) => key));
      const [misfit] = misfits(await readInstalled(mixed), sides, changes, keys);
      if (misfit !== undefined) return this.#unresolved(taken, misfit);
      return { kind: 'ran', report: await rehearse(mixed, this.#extent, signal) };
    } finally {
      // A mix is of no use to anybody else; each would keep the app's packages once more.
      if (mixed.id !== old.id && mixed.id !== next.id) await releases.remove(mixed.id);
    }
  }

  async #install(taken: readonly Change[], signal: AbortSignal): Promise<Release> {
    const { old, releases, workDir, sides } = this.#options;
    const dir = await mkdtemp(join(workDir, 'mix-'));
    try {
      const manifest = join(dir, 'package.json');
      const keys = new Set(taken.map(({ key }) => key));
      await writeFile(manifest, JSON.stringify(mixedManifest(sides, keys), undefined, 2));
      return await releases.update(old, this.#changeOf(taken, manifest), { signal });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  #changeOf(taken: readonly Change[], manifest: string): ChangeSet {
    const { next } = this.#options;
    const change = next.base?.change ?? {};
    const named = (kind: Change['kind']): string[] =>
      taken.flatMap((one) => (one.kind === kind && one.kind !== 'package' ? [one.name] : []));
    const locks = [...PACKAGE_FILES].filter((file) => file !== 'package.json');
    return {
      files: {
        ...Object.fromEntries(
          named('file').map((path) => [
            path,
            typeof change.files?.[path] !== 'string' ? null : join(next.dir, path),
          ]),
        ),
        // Without what is installed, npm decides by package.json alone.
        ...Object.fromEntries(['node_modules', ...locks].map((path) => [path, null])),
        'package.json': manifest,
      },
      env: Object.fromEntries(named('env').map((name) => [name, change.env?.[name] ?? null])),
    };
  }

  #unresolved(taken: readonly Change[], because: string): TrialResult {
    this.unresolved.push({ changes: taken.map(({ key }) => key), because });
    return { kind: 'unresolved', because };
  }
}
