import { chmod, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DharmaError, ExitCode, removeSocketRoot, removeTree, systemCode } from '../../common/index.js';
import { makePrivateDir } from './files.js';

/** Longest home path, bytes: a unix socket's name has 107, and the longest below a home takes about 47 of them. */
const LONGEST_HOME = 60;

/** Where everything of one federation stands on this machine. Nothing else keeps a path below it. */
export class Home {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = resolve(dir);
  }

  /** `--home`, else DHARMA_HOME, else `./.dharma`. Error: HOME_TOO_LONG. */
  static locate(option: string | undefined, env: NodeJS.ProcessEnv = process.env): Home {
    const home = new Home(option ?? (env.DHARMA_HOME || '.dharma'));
    if (Buffer.byteLength(home.dir) > LONGEST_HOME)
      throw new DharmaError({
        code: 'HOME_TOO_LONG',
        message: `the home folder's path has more than ${LONGEST_HOME} bytes, too many for the sockets below it`,
        found: home.dir,
        remedy: 'Give a shorter one with --home DIR or DHARMA_HOME.',
        exitCode: ExitCode.usage,
      });
    return home;
  }

  get settingsFile(): string {
    return join(this.dir, 'federation.json');
  }
  get tokenFile(): string {
    return join(this.dir, 'token');
  }
  get runDir(): string {
    return join(this.dir, 'run');
  }
  get lockFile(): string {
    return join(this.runDir, 'dharmad.json');
  }
  get supervisorSocket(): string {
    return join(this.runDir, 'dharmad.sock');
  }
  /** Where agents ask the federator for money. */
  get spendSocket(): string {
    return join(this.runDir, 'spend.sock');
  }
  get edgeDir(): string {
    return join(this.dir, 'edge');
  }
  /** Webroot for an ACME client: what it puts below `.well-known/acme-challenge` the edge answers. */
  get acmeDir(): string {
    return join(this.edgeDir, 'acme');
  }
  /** The edge proxy's control socket. */
  get edgeSocket(): string {
    return join(this.edgeDir, 'control.sock');
  }
  /** What runs where, with the stores' URIs: written by the supervisor once all answers. */
  get runtimeFile(): string {
    return join(this.runDir, 'runtime.json');
  }
  get storesDir(): string {
    return join(this.dir, 'stores');
  }
  get releasesDir(): string {
    return join(this.dir, 'releases');
  }
  get logsDir(): string {
    return join(this.dir, 'logs');
  }
  /** The app's writable folders, shared by all clusters. */
  get writableDir(): string {
    return join(this.dir, 'writable');
  }
  get clustersDir(): string {
    return join(this.dir, 'clusters');
  }
  get shadowDir(): string {
    return join(this.dir, 'shadow');
  }

  log(name: string): string {
    return join(this.logsDir, `${name}.log`);
  }
  cluster(name: string): string {
    return join(this.clustersDir, name);
  }
  shadow(upgrade: string): string {
    return join(this.shadowDir, upgrade);
  }
  shadowWork(upgrade: string): string {
    return join(this.shadow(upgrade), 'work');
  }

  /** The arms that a part of the update is tried in. */
  shadowTrial(upgrade: string): string {
    return join(this.shadow(upgrade), 'trial');
  }
  /** Releases that are such a part. */
  shadowMixes(upgrade: string): string {
    return join(this.shadow(upgrade), 'mixes');
  }

  /** Removes what a trial left here, and its sockets. Its processes must have ended. */
  async removeTrial(upgrade: string): Promise<void> {
    await removeSocketRoot(this.shadowTrial(upgrade));
    await rm(this.shadowTrial(upgrade), { recursive: true, force: true });
    await removeTree(this.shadowMixes(upgrade)); // Read-only, as releases are.
  }

  /** Removes what a shadow left here, and its sockets. Its processes must have ended. */
  async removeShadow(upgrade: string): Promise<void> {
    await this.removeTrial(upgrade);
    await removeSocketRoot(this.shadowWork(upgrade));
    await rm(this.shadow(upgrade), { recursive: true, force: true });
  }

  /** Makes the folders, or checks those that stand. Errors: HOME_NOT_OURS, HOME_NOT_WRITABLE. */
  async prepare(): Promise<void> {
    try {
      for (const dir of [this.dir, this.runDir, this.storesDir, this.releasesDir, this.logsDir])
        await makePrivateDir(dir);
      for (const dir of [this.clustersDir, this.shadowDir, this.writableDir]) await makePrivateDir(dir);
      const { uid } = await stat(this.dir);
      if (process.getuid !== undefined && uid !== process.getuid())
        throw new DharmaError({
          code: 'HOME_NOT_OURS',
          message: `the home folder ${this.dir} belongs to another user (${uid})`,
          remedy: 'Give a folder of your own with --home DIR.',
        });
      await chmod(this.dir, 0o700);
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined || !['EACCES', 'EROFS', 'ENOTDIR', 'EEXIST', 'EPERM'].includes(code))
        throw error;
      throw new DharmaError({
        code: 'HOME_NOT_WRITABLE',
        message: `cannot keep anything in the home folder ${this.dir}`,
        found: code,
        remedy: 'Give a folder you may write to with --home DIR.',
        cause: error,
      });
    }
  }
}
