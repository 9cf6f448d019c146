import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { distPath, type JailSpec, type LaunchSpec } from '../../common/index.js';

/**
 * What runs in a jail is a copy, and must not slow what is live: at this nice value the kernel gives a live process three
 * times a copy's CPU where both want it. (At 10, nine times, copies no longer got to start on a busy machine.)
 */
const COPY_NICE = 5;

/** A port for the app inside its jail, where nothing but the bridges listens. */
export function portInJail(jail: JailSpec): number {
  const taken = new Set(jail.bridges.map(({ port }) => port));
  let port = 8080;
  while (taken.has(port)) port += 1;
  return port;
}

/**
 * The options of dharma-run that make the jail of `spec`. The file system inside is read-only but for the working copy and
 * what the jail names; /tmp is private, so what the app needs to read is named in case it lies there.
 */
export function jailArguments(spec: LaunchSpec, jail: JailSpec, appPort: number): string[] {
  const preloaded = (spec.preloads ?? []).length === 0 ? [] : [distPath('.')];
  const readable = [
    spec.release.dir,
    ...linkedModules(spec.release.dir),
    dirname(process.execPath),
    ...preloaded,
  ];
  return [
    '--nice',
    String(COPY_NICE),
    '--jail',
    ...jail.bridges.flatMap(({ port, socket }) => ['--bridge', `${socket}:${port}`]),
    '--inward',
    `${appPort}:${jail.inwardSocket}`,
    ...[spec.workDir, ...jail.writable].flatMap((folder) => ['--writable', folder]),
    ...readable.flatMap((folder) => ['--readable', folder]),
  ];
}

/** The installed packages, where the release only links to them: the link's target is shown too. */
function linkedModules(releaseDir: string): string[] {
  const modules = join(releaseDir, 'node_modules');
  if (!existsSync(modules)) return [];
  const real = realpathSync(modules);
  return real === modules ? [] : [real];
}
