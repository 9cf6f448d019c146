import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { baseEnv, type LaunchSpec } from '../../common/index.js';

/** What an app sees of dharma's own environment. Its configuration comes from its manifest and its cluster. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'NODE_ENV', 'DHARMA_FEDERATION'];

/**
 * The whole environment of one copy of an app; what stands further down wins: base, manifest, its writable folders,
 * the launch's own, and where it is to listen.
 */
export function environmentOf(spec: LaunchSpec, listen: { readonly host: string; readonly port: number }) {
  const { manifest } = spec.release;
  const inherited = Object.entries(baseEnv()).filter(([name]) => INHERITED.includes(name));
  const redis = spec.env[manifest.stores.redis] ?? manifest.env[manifest.stores.redis];
  const env: Record<string, string> = {
    // As most frameworks understand it: no stack traces in answers, caches on.
    NODE_ENV: 'production',
    ...Object.fromEntries(inherited),
    ...manifest.env,
    ...writableFolders(spec),
    ...spec.env,
    // By one name, so that the library of tasks (dharma/tasks) finds it: live's, or an arm's own.
    ...(redis === undefined ? {} : { DHARMA_TASKS_REDIS: redis }),
    HOST: listen.host,
    PORT: String(listen.port),
  };
  const options = [
    env.NODE_OPTIONS,
    ...(spec.preloads ?? []).map((file) => `--import=${pathToFileURL(file).href}`),
  ];
  const nodeOptions = options.filter((option) => option !== undefined && option !== '').join(' ');
  return nodeOptions === '' ? env : { ...env, NODE_OPTIONS: nodeOptions };
}

/** The manifest's writable folders, each under the working copy: variable → path. A launch's env may point elsewhere. */
export function writableFolders(spec: LaunchSpec): Record<string, string> {
  return Object.fromEntries(
    Object.entries(spec.release.manifest.writable).map(([name, folder]) => [
      name,
      join(spec.workDir, folder),
    ]),
  );
}
