import { watch, watchFile, unwatchFile, type FSWatcher } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode, type ProxyChallenge } from '../../common/index.js';

/** A renewed certificate need not be served at once; a look costs a stat, ms. */
const LOOK_MS = 5000;
/** As the proxy has it: base64url. */
const TOKEN = /^[\w-]{1,256}$/;

/**
 * Files of others that the edge serves from: certificates, which are renewed, and a webroot in which any ACME client can
 * leave its http-01 challenges. Tells when one has changed. The owner must `close()` it.
 */
export class EdgeFiles {
  readonly #certificates: readonly string[];
  readonly #challengesDir: string;
  readonly #onChange: () => void;
  readonly #lookMs: number;
  #watcher: FSWatcher | undefined;

  constructor(options: {
    readonly certificates: readonly string[];
    readonly webroot: string;
    readonly onChange: () => void;
    /** How often certificates are looked at, ms. */
    readonly lookMs?: number;
  }) {
    this.#lookMs = options.lookMs ?? LOOK_MS;
    this.#certificates = options.certificates;
    this.#challengesDir = join(options.webroot, '.well-known', 'acme-challenge');
    this.#onChange = options.onChange;
  }

  async open(): Promise<void> {
    await mkdir(this.#challengesDir, { recursive: true, mode: 0o700 });
    this.#watcher = watch(this.#challengesDir, { persistent: false }, this.#onChange);
    // It ends with its folder: whoever looks next finds no challenges.
    this.#watcher.on('error', this.#onChange);
    // Polled: a certificate is often a link to a link, which a watch would not see change.
    for (const file of this.#certificates)
      watchFile(file, { interval: this.#lookMs, persistent: false }, this.#onChange);
  }

  /** The challenges there are now. */
  async challenges(): Promise<readonly ProxyChallenge[]> {
    const names = await readdir(this.#challengesDir).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    });
    const tokens = names.filter((name) => TOKEN.test(name)).sort();
    const read = await Promise.all(tokens.map((token) => this.#challenge(token)));
    return read.filter((challenge) => challenge !== undefined);
  }

  async #challenge(token: string): Promise<ProxyChallenge | undefined> {
    try {
      const answer = (await readFile(join(this.#challengesDir, token), 'utf8')).trim();
      // Empty: made, and not yet written.
      return /^[\x21-\x7e]{1,512}$/.test(answer) ? { token, answer } : undefined;
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EISDIR') return undefined;
      throw error;
    }
  }

  close(): void {
    this.#watcher?.close();
    for (const file of this.#certificates) unwatchFile(file, this.#onChange);
  }
}
