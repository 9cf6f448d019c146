import { execFile } from 'node:child_process';
import { access, constants, stat, statfs } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findNative, freePort, systemCode, withDeadline } from '../../common/index.js';
import type { Home } from '../home/home.js';
import { lockHolder } from '../home/lock.js';
import { portOwner } from '../home/port-owner.js';
import { DEFAULT_API_PORT, DEFAULT_EDGE_PORT, loadSettings } from '../home/settings.js';

const run = promisify(execFile);

/** `weak`: it works, with less than there could be. */
export interface Finding {
  readonly check: string;
  readonly what: string;
  readonly state: 'ok' | 'weak' | 'missing';
  readonly found: string;
  /** One line to type or do. */
  readonly fix?: string;
}

/** A release with its dependencies and four mirror stores of a small app take about this much. */
const DISK_WANTED_BYTES = 2 * 1024 ** 3;

/** In a clone and in an installed package alike. */
const BUILT_BY = 'federate up builds it, with a C compiler and make';

/** No check takes longer. */
const CHECK_MS = 10_000;

/** Looks at everything, in the order in which it is needed. */
export async function examine(home: Home, outer: AbortSignal): Promise<Finding[]> {
  return withDeadline(CHECK_MS, outer, (signal) => checks(home, signal));
}

async function checks(home: Home, deadline: AbortSignal): Promise<Finding[]> {
  return Promise.all([
    nodeVersion(),
    compiler(),
    native('dharma-proxy', 'the proxy'),
    native('dharma-run', 'the launcher'),
    redisServer(deadline),
    mongoServer(),
    jail(deadline),
    port(home, 'edge'),
    port(home, 'api'),
    homeFolder(home),
    disk(home),
  ]);
}

async function nodeVersion(): Promise<Finding> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > 20 || (major === 20 && minor >= 19);
  return finding(
    'node',
    'Node.js 20.19 or later',
    enough,
    process.versions.node,
    'Install Node.js 20.19 or later: https://nodejs.org',
  );
}

async function compiler(): Promise<Finding> {
  const found = await firstOnPath(['cc', 'gcc', 'clang']);
  const built = findNative('dharma-proxy') !== undefined;
  if (found === undefined && built)
    return {
      check: 'compiler',
      what: 'a C compiler',
      state: 'ok',
      found: 'none, and none is needed: native programs are built',
    };
  return finding(
    'compiler',
    'a C compiler',
    found !== undefined,
    found ?? 'none',
    'sudo apt-get install -y build-essential',
  );
}

async function native(program: string, role: string): Promise<Finding> {
  const path = findNative(program);
  return finding(program, `${program} (${role})`, path !== undefined, path ?? 'not built', BUILT_BY);
}

async function redisServer(signal: AbortSignal): Promise<Finding> {
  const path = await firstOnPath(['redis-server']);
  const fix = 'sudo apt-get install -y redis-server — or give stores.redis and app.redis in federation.json';
  if (path === undefined) return finding('redis', 'redis-server', false, 'none', fix);
  const { stdout } = await run(path, ['--version'], { signal });
  const version = /v=(\S+)/.exec(stdout)?.[1] ?? stdout.trim();
  const enough = Number(version.split('.')[0]) >= 6;
  return finding('redis', 'redis-server 6 or later', enough, version, fix);
}

async function mongoServer(): Promise<Finding> {
  const given = process.env.DHARMA_MONGOD;
  const path = given ?? (await firstOnPath(['mongod']));
  if (path !== undefined && (await isThere(path)))
    return { check: 'mongo', what: 'MongoDB', state: 'ok', found: path };
  return {
    check: 'mongo',
    what: 'MongoDB',
    state: 'weak',
    found: 'no mongod: the embedded Mongo stands in, for one machine',
    fix: 'Install mongod (https://www.mongodb.com/docs/manual/installation/) or name one in DHARMA_MONGOD',
  };
}

async function jail(signal: AbortSignal): Promise<Finding> {
  const launcher = findNative('dharma-run');
  const what = 'jails for shadows (namespaces)';
  if (launcher === undefined) return finding('jail', what, false, 'dharma-run is not built', BUILT_BY);
  const fix =
    'sudo sysctl -w kernel.unprivileged_userns_clone=1 (and kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu)';
  try {
    await run('unshare', ['--user', '--map-root-user', '--net', '--mount', 'true'], { signal });
    return { check: 'jail', what, state: 'ok', found: 'user, network and mount namespaces can be made' };
  } catch (error) {
    const found =
      systemCode(error) === 'ENOENT' ? 'unshare is not installed, so it cannot be told' : 'not allowed here';
    return { check: 'jail', what, state: 'weak', found, fix };
  }
}

async function port(home: Home, which: 'edge' | 'api'): Promise<Finding> {
  const what = `port of the ${which === 'api' ? 'API' : 'edge'}`;
  if ((await lockHolder(home)) !== undefined)
    return { check: `port-${which}`, what, state: 'ok', found: 'a federation runs' };
  const settings = (await isThere(home.settingsFile)) ? await loadSettings(home) : undefined;
  const wanted = settings?.[which].port ?? (which === 'api' ? DEFAULT_API_PORT : DEFAULT_EDGE_PORT);
  const number = wanted === 0 ? await freePort() : wanted;
  const owner = portOwner(number);
  const found =
    owner === undefined ? `${number} is free` : `${number} is taken by ${owner.command} (pid ${owner.pid})`;
  return finding(
    `port-${which}`,
    what,
    owner === undefined,
    found,
    `federate up --${which}-port N, or set ${which}.port in ${home.settingsFile}`,
  );
}

async function homeFolder(home: Home): Promise<Finding> {
  const what = 'home folder';
  try {
    const { mode } = await stat(home.dir);
    const open = (mode & 0o077) !== 0;
    return finding(
      'home',
      what,
      !open,
      open ? `${home.dir} is open to others` : home.dir,
      `chmod 700 ${home.dir}`,
    );
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    const parent = await nearest(home.dir);
    const writable = await access(parent, constants.W_OK).then(
      () => true,
      () => false,
    );
    return finding(
      'home',
      what,
      writable,
      `${home.dir} (made by federate up)`,
      'Give a folder you may write to with --home DIR',
    );
  }
}

async function disk(home: Home): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearest(home.dir));
  const free = bavail * bsize;
  const found = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  return finding(
    'disk',
    'disk for releases and mirror stores',
    free >= DISK_WANTED_BYTES,
    found,
    'Free 2 GiB, or give another --home DIR',
  );
}

function finding(check: string, what: string, good: boolean, found: string, fix: string): Finding {
  return { check, what, state: good ? 'ok' : 'missing', found, ...(good ? {} : { fix }) };
}

/** The folder itself, or the nearest one above that stands. */
async function nearest(dir: string): Promise<string> {
  for (let at = dir; ; at = dirname(at)) if ((await isThere(at)) || at === dirname(at)) return at;
}

async function firstOnPath(programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs)
    for (const dir of (process.env.PATH ?? '').split(delimiter).filter((each) => each !== ''))
      if (
        await access(join(dir, program), constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return join(dir, program);
  return undefined;
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
