import type { JailSpec } from '../../common/index.js';

/** A port for the app inside its jail, where nothing but the bridges listens. */
export function portInJail(jail: JailSpec): number {
  const taken = new Set(jail.bridges.map(({ port }) => port));
  let port = 8080;
  while (taken.has(port)) port += 1;
  return port;
}

/** The options of dharma-run that make the jail. The app's working copy is writable in it besides what the spec names. */
export function jailArguments(jail: JailSpec, appPort: number, workDir: string): string[] {
  return [
    '--jail',
    ...jail.bridges.flatMap(({ port, socket }) => ['--bridge', `${port}=${socket}`]),
    '--inward',
    `${jail.inwardSocket}=${appPort}`,
    ...[workDir, ...jail.writable].flatMap((folder) => ['--writable', folder]),
  ];
}
