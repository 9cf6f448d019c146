import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import {
  DharmaError,
  ExitCode,
  parseConfig,
  systemClock,
  systemCode,
  readJson,
  removeTree,
  setWritable,
  type AppManifest,
  type ChangeSet,
  type Clock,
  type Release,
  type ReleaseStore,
} from '../../common/index.js';
import { z } from 'zod';
import { copyFiles, hashFile, hashFiles, listFiles } from './files.js';
import { cleanHalfMade, halfMadeName } from './half-made.js';
import { DEFAULT_INSTALL_DEADLINE_MS, checkSpec, installDeclared, installPackages } from './install.js';
import { readManifest, withEnv } from './manifest.js';
import { installedPackages } from './packages.js';

export interface ReleaseStoreOptions {
  /** Folder of the releases; made when it is not there. Several processes may share it. */
  readonly dir: string;
  /** How long one npm run may take, ms. */
  readonly installDeadlineMs?: number;
  readonly clock?: Clock;
}

/** Releases as folders: `<dir>/<id>/app` holds the app, read-only, and `<dir>/<id>/release.json` tells about it. */
export function createReleaseStore(options: ReleaseStoreOptions): ReleaseStore {
  return new FolderReleaseStore(options);
}

const changeSchema = z.strictObject({
  packages: z.array(z.string()).readonly().optional(),
  files: z.record(z.string(), z.string().nullable()).optional(),
  env: z.record(z.string(), z.string().nullable()).optional(),
});

const recordSchema = z.strictObject({
  id: z.string(),
  app: z.string(),
  manifest: manifestRecord(),
  packages: z.record(z.string(), z.string()),
  base: z.strictObject({ id: z.string(), change: changeSchema }).optional(),
  createdAt: z.number(),
});

/**
 * A manifest as compiled, durations in ms: it was checked when the release was made, by the schema of that day. What that
 * one did not have yet is as it is where an app says nothing of it.
 */
function manifestRecord(): z.ZodType<AppManifest> {
  return z
    .custom<AppManifest>((value) => typeof value === 'object' && value !== null && 'name' in value)
    .transform((manifest) => ({ ...SINCE_THEN, ...manifest }));
}

const SINCE_THEN: Pick<AppManifest, 'redact' | 'stubs'> = { redact: [], stubs: [] };

class FolderReleaseStore implements ReleaseStore {
  readonly #dir: string;
  readonly #deadlineMs: number;
  readonly #clock: Clock;
  #prepared: Promise<void> | undefined;
  /** One is made at a time: the second of two equal ones finds the first, and two npm would only share the machine. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ReleaseStoreOptions) {
    this.#dir = options.dir;
    this.#deadlineMs = options.installDeadlineMs ?? DEFAULT_INSTALL_DEADLINE_MS;
    this.#clock = options.clock ?? systemClock;
  }

  async create(appDir: string, { signal }: { readonly signal: AbortSignal }): Promise<Release> {
    const manifest = await readManifest(appDir);
    return this.#inTurn(async () => {
      const before = await this.get(releaseId(await hashFiles(appDir, await listFiles(appDir))));
      if (before !== undefined) return before;
      return this.#make(async (app, logFile) => {
        await copyFiles(appDir, app, await listFiles(appDir), signal);
        // The copy's hash names it: the folder may have changed in between.
        const id = releaseId(await hashFiles(app, await listFiles(app)));
        await installDeclared({ dir: app, logFile, deadlineMs: this.#deadlineMs, signal });
        return { id, app: manifest.name, manifest: await readManifest(app) };
      });
    });
  }

  async update(
    base: Release,
    change: ChangeSet,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Release> {
    for (const spec of change.packages ?? []) checkSpec(spec);
    for (const path of Object.keys(change.files ?? {})) checkPath(path);
    return this.#inTurn(async () => {
      const id = releaseId(`${base.id}\n${await hashChange(change)}`);
      const before = await this.get(id);
      if (before !== undefined) return before;
      return this.#make(async (app, logFile) => {
        await cp(base.dir, app, { recursive: true, verbatimSymlinks: true });
        await setWritable(app, true);
        await layFiles(app, change.files ?? {});
        const run = { dir: app, logFile, deadlineMs: this.#deadlineMs, signal };
        if (changesDependencies(change)) await installDeclared(run);
        if (change.packages !== undefined && change.packages.length > 0)
          await installPackages(run, change.packages);
        const manifest = withEnv(await readManifest(app), { ...(await earlierEnv(base)), ...change.env });
        return { id, app: manifest.name, manifest, base: { id: base.id, change } };
      });
    });
  }

  async get(id: string): Promise<Release | undefined> {
    await this.#prepare();
    if (!/^r[0-9a-f]{16}$/.test(id)) return undefined;
    const file = join(this.#dir, id, 'release.json');
    const value = await readJson(file);
    if (value === undefined) return undefined;
    const record = parseConfig(recordSchema, value, file);
    const { base, ...rest } = record;
    return {
      ...rest,
      dir: join(this.#dir, id, 'app'),
      ...(base === undefined ? {} : { base: { id: base.id, change: base.change as ChangeSet } }),
    };
  }

  async list(): Promise<readonly Release[]> {
    await this.#prepare();
    const found = await Promise.all((await readdir(this.#dir)).map((name) => this.get(name)));
    return found.filter((release) => release !== undefined).sort((a, b) => a.createdAt - b.createdAt);
  }

  async remove(id: string): Promise<void> {
    if ((await this.get(id)) === undefined) return;
    const gone = join(this.#dir, halfMadeName());
    await rename(join(this.#dir, id), gone);
    await removeTree(gone);
  }

  #prepare(): Promise<void> {
    this.#prepared ??= mkdir(this.#dir, { recursive: true, mode: 0o700 }).then(() =>
      cleanHalfMade(this.#dir),
    );
    return this.#prepared;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#prepare()).then(work);
    this.#turn = turn.catch(() => undefined); // Whoever waits for `turn` hears of it; the next must only wait.
    return turn;
  }

  /** Has `fill` make a release's app in a folder of its own, and puts it in its place in one step. */
  async #make(
    fill: (app: string, logFile: string) => Promise<Pick<Release, 'id' | 'app' | 'manifest' | 'base'>>,
  ): Promise<Release> {
    const half = join(this.#dir, halfMadeName());
    const app = join(half, 'app');
    await mkdir(app, { recursive: true, mode: 0o700 });
    try {
      const logFile = join(half, 'npm.log');
      const made = await fill(app, logFile);
      await rm(logFile, { force: true });
      const record = { ...made, packages: await installedPackages(app), createdAt: this.#clock.now() };
      await writeFile(join(half, 'release.json'), `${JSON.stringify(record, undefined, 2)}\n`, {
        mode: 0o600,
      });
      await setWritable(app, false);
      await this.#putInPlace(half, made.id);
      return (await this.get(made.id))!;
    } catch (error) {
      await removeTree(half);
      throw error;
    }
  }

  async #putInPlace(half: string, id: string): Promise<void> {
    try {
      await rename(half, join(this.#dir, id));
    } catch (error) {
      // Another process made the same one meanwhile.
      if (systemCode(error) !== 'ENOTEMPTY' && systemCode(error) !== 'EEXIST') throw error;
      await removeTree(half);
    }
  }
}

function releaseId(content: string): string {
  return `r${createHash('sha256').update(content).digest('hex').slice(0, 16)}`;
}

/** A change-set by its content: the order in which keys were written does not matter, what the files hold does. */
async function hashChange(change: ChangeSet): Promise<string> {
  const files = await Promise.all(
    Object.entries(change.files ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(async ([path, source]) => [path, source === null ? null : await hashSource(source)]),
  );
  const env = Object.entries(change.env ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({ packages: [...(change.packages ?? [])].sort(), files, env });
}

async function hashSource(source: string): Promise<string> {
  try {
    return await hashFile(source);
  } catch (error) {
    throw new DharmaError({
      code: 'CHANGE_FILE_NOT_FOUND',
      message: `cannot read ${source}, which the update lays over the app`,
      found: systemCode(error) ?? String(error),
      remedy: 'Give the path of a readable file.',
      exitCode: ExitCode.usage,
      cause: error,
    });
  }
}

/** What earlier updates made of the env in the base's own dharma.json, as a change. */
async function earlierEnv(base: Release): Promise<NonNullable<ChangeSet['env']>> {
  const unset = Object.keys((await readManifest(base.dir)).env).filter(
    (name) => !(name in base.manifest.env),
  );
  return { ...base.manifest.env, ...Object.fromEntries(unset.map((name) => [name, null])) };
}

function checkPath(path: string): void {
  const plain = normalize(path);
  if (path !== '' && !isAbsolute(plain) && plain !== '.' && !plain.startsWith('..')) return;
  throw new DharmaError({
    code: 'CHANGE_PATH_OUTSIDE',
    message: `"${path}" is not a path inside the app`,
    found: path,
    remedy: 'Give a path relative to the app, without "..".',
    exitCode: ExitCode.usage,
  });
}

async function layFiles(app: string, files: NonNullable<ChangeSet['files']>): Promise<void> {
  for (const [path, source] of Object.entries(files)) {
    const target = join(app, path);
    await rm(target, { recursive: true, force: true });
    if (source === null) continue;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, await readFile(source));
  }
}

function changesDependencies(change: ChangeSet): boolean {
  return ['package.json', 'package-lock.json', 'npm-shrinkwrap.json'].some(
    (file) => change.files?.[file] !== undefined,
  );
}
