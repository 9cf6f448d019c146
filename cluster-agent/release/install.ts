import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Child,
  DharmaError,
  ExitCode,
  formatDuration,
  logTail,
  throwIfAborted,
  type ChildExit,
} from '../../common/index.js';
import { redact } from '../redact.js';
import { readPackageJson } from './packages.js';

/** How npm is to work on one folder. */
export interface NpmRun {
  readonly dir: string;
  /** File npm's words go to. */
  readonly logFile: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/**
 * A network that does not answer makes npm retry for minutes; a large app on a slow line takes minutes too. What takes
 * longer than this is stuck.
 */
export const DEFAULT_INSTALL_DEADLINE_MS = 10 * 60_000;

/** A release holds all it runs: what `file:` names is copied into it, no link leads out. */
const COMMON_ARGS = ['--omit=dev', '--install-links', '--no-audit', '--no-fund', '--no-progress'];
/** Scripts that npm runs at an install also where there is nothing to fetch. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

/**
 * Installs what the app in `run.dir` declares: exactly its lock where it has one. Nothing is run where nothing is declared.
 * Errors: PACKAGE_NOT_FOUND, INSTALL_FAILED, NPM_NOT_FOUND.
 */
export async function installDeclared(run: NpmRun): Promise<void> {
  const packageJson = await readPackageJson(run.dir);
  if (packageJson === undefined) return;
  const locked = ['package-lock.json', 'npm-shrinkwrap.json'].some((file) => existsSync(join(run.dir, file)));
  const declared = { ...packageJson.dependencies, ...packageJson.optionalDependencies };
  const nothingToDo =
    !locked &&
    Object.keys(declared).length === 0 &&
    packageJson.workspaces === undefined &&
    !INSTALL_SCRIPTS.some((script) => packageJson.scripts?.[script] !== undefined);
  if (!nothingToDo) await npm(run, [locked ? 'ci' : 'install', ...COMMON_ARGS]);
}

/**
 * Installs `specs` over what stands in `run.dir` already; everything else stays as it is locked.
 * Errors: PACKAGE_SPEC_INVALID, PACKAGE_NOT_FOUND, INSTALL_FAILED, NPM_NOT_FOUND.
 */
export async function installPackages(run: NpmRun, specs: readonly string[]): Promise<void> {
  for (const spec of specs) checkSpec(spec);
  await npm(run, ['install', '--save-exact', ...COMMON_ARGS, '--', ...specs]);
}

/**
 * `name`, `name@version`, `name@range`, `name@tag`, `name@npm:other@version`, or `name@file:/absolute/package.tgz`.
 * Folders and repositories are not: a release must hold all it runs.
 */
export function checkSpec(spec: string): void {
  const match = /^((?:@[a-z0-9~][\w.~-]*\/)?[a-z0-9~][\w.~-]*)(?:@(\S.*))?$/i.exec(spec);
  const wanted = match?.[2];
  const known =
    wanted === undefined ||
    /^file:\/\S*\.(tgz|tar\.gz)$/.test(wanted) ||
    /^(npm:)?[\w@~^<>=.*|+ /-]+$/.test(wanted);
  if (match && known) return;
  throw new DharmaError({
    code: 'PACKAGE_SPEC_INVALID',
    message: `"${spec}" does not name a package and a version`,
    found: spec,
    remedy: 'Write NAME@VERSION, for example express@5.1.0.',
    exitCode: ExitCode.usage,
  });
}

async function npm(run: NpmRun, args: readonly string[]): Promise<void> {
  try {
    await npmOnce(run, [...args.slice(0, 1), '--prefer-offline', ...args.slice(1)]);
  } catch (error) {
    if (!(error instanceof DharmaError) || error.code !== 'PACKAGE_NOT_FOUND') throw error;
    // What npm has cached may be older than the version that is asked for.
    await npmOnce(run, [...args.slice(0, 1), '--prefer-online', ...args.slice(1)]);
  }
}

async function npmOnce(run: NpmRun, args: readonly string[]): Promise<void> {
  throwIfAborted(run.signal);
  const child = await Child.start({
    name: 'npm',
    command: 'npm',
    args,
    cwd: run.dir,
    env: npmEnv(process.env),
    logFile: run.logFile,
  }).catch(translateMissing);
  const exit = await endOf(child, run);
  throwIfAborted(run.signal);
  if (exit?.code !== 0) throw installError(await logTail(run.logFile, 8000), run, exit);
}

/** How npm ended; undefined when the deadline did it. An abort ends it too. */
async function endOf(child: Child, run: NpmRun): Promise<ChildExit | undefined> {
  const done = new AbortController();
  const timeout = AbortSignal.any([run.signal, done.signal]);
  const late = delay(run.deadlineMs, undefined, { signal: timeout }).catch(() => undefined);
  try {
    return await Promise.race([child.exited, late.then(() => undefined)]);
  } finally {
    done.abort();
    await child.stop();
  }
}

/**
 * npm runs with the user's own environment and configuration (registry, proxy, certificates), except for what an npm
 * that started dharma itself says about *that* package.
 */
function npmEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const foreign = /^(npm_(package|lifecycle|command|node_execpath|execpath|config_local_prefix)|INIT_CWD$)/i;
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !foreign.test(entry[0]),
    ),
  );
}

function translateMissing(error: unknown): never {
  if (error instanceof DharmaError && error.code === 'PROGRAM_NOT_FOUND') throw npmNotFound();
  throw error;
}

function npmNotFound(): DharmaError {
  return new DharmaError({
    code: 'NPM_NOT_FOUND',
    message: 'cannot install packages: there is no npm on the PATH',
    remedy: 'Install npm (it comes with Node) and put it on the PATH.',
  });
}

/** npm's words as an error of ours. */
function installError(words: string, run: NpmRun, exit: ChildExit | undefined): DharmaError {
  const text = redact(words);
  // The launcher's words, where it stands between.
  if (/^dharma-run: npm: /m.test(text)) return npmNotFound();
  const code = /npm (?:error|ERR!) code (\S+)/.exec(text)?.[1];
  const missing = missingPackage(code, text);
  if (missing !== undefined) return missing;
  const ending =
    exit === undefined ? `no end after ${formatDuration(run.deadlineMs)}` : `exit code ${exit.code}`;
  return new DharmaError({
    code: 'INSTALL_FAILED',
    message: `npm could not install the packages (${code ?? ending})`,
    found: text.slice(-2000),
    remedy: REMEDIES[code ?? ''] ?? 'Read what npm says, correct it, and try again.',
  });
}

const REMEDIES: Readonly<Record<string, string>> = {
  ERESOLVE: 'Update the packages that need each other together: give all of them.',
  EUSAGE: 'package-lock.json does not fit package.json: run `npm install` in the app and commit the lock.',
  ENOTFOUND: 'The registry cannot be reached: check the network and `npm config get registry`.',
  EAI_AGAIN: 'The registry cannot be reached: check the network and `npm config get registry`.',
  ECONNREFUSED: 'The registry cannot be reached: check the network and `npm config get registry`.',
  ETIMEDOUT: 'The registry cannot be reached: check the network and `npm config get registry`.',
  ENOSPC: 'Free some disk space and try again.',
};

function missingPackage(code: string | undefined, text: string): DharmaError | undefined {
  if (code === 'ETARGET') {
    const wanted = /No matching version found for (\S+?)\.?\s/.exec(`${text}\n`)?.[1] ?? 'a package';
    const name = wanted.replace(/(?<=.)@.*$/, '');
    return packageNotFound(
      `there is no version ${wanted}`,
      wanted,
      `See which there are: npm view ${name} versions`,
    );
  }
  if (code === 'E404') {
    const wanted = /'((?:@[\w.~-]+\/)?[\w.~-]+)@[^']*' (?:is not in|could not be found)/.exec(text)?.[1];
    return packageNotFound(
      wanted === undefined ? 'a package is not in the registry' : `there is no package ${wanted}`,
      wanted ?? text.slice(-500),
      `Check the name: npm search ${wanted ?? 'NAME'}`,
    );
  }
  return undefined;
}

function packageNotFound(message: string, found: string, remedy: string): DharmaError {
  return new DharmaError({ code: 'PACKAGE_NOT_FOUND', message, found, remedy, httpStatus: 404 });
}
