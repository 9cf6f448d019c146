import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProxyConfig } from '../config/proxy.js';
import { systemCode } from '../errors.js';

/** The folder of one proxy: its config, control socket and log. */
export class ProxyRunDir {
  readonly controlPath: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.controlPath = join(dir, 'control.sock');
    this.configFile = join(dir, 'proxy.json');
    this.logFile = join(dir, 'proxy.log');
  }

  async make(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
  }

  async removeSocket(): Promise<void> {
    await rm(this.controlPath, { force: true });
  }

  /** Replaces the config in one step. */
  async writeConfig(config: ProxyConfig): Promise<void> {
    const half = `${this.configFile}.new`;
    await writeFile(half, JSON.stringify(config, undefined, 2), { mode: 0o600 });
    await rename(half, this.configFile);
  }

  /** Where the log ends now: what follows is of a process that starts now, or of one that runs already. */
  async logEnd(): Promise<number> {
    try {
      return (await stat(this.logFile)).size;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return 0;
      throw error;
    }
  }

  /** Why a process that ended says it did: its last line, or ''. */
  async lastWord(logStart: number): Promise<string> {
    const lines = (await this.#logFrom(logStart)).trim().split('\n');
    return lines.findLast((line) => line.startsWith('dharma-proxy: ')) ?? lines.at(-1) ?? '';
  }

  /** The ports of its listens, as a process that started told them. */
  async ports(logStart: number): Promise<number[]> {
    return (await this.#logFrom(logStart)).split('\n').flatMap(listeningPort);
  }

  async #logFrom(start: number): Promise<string> {
    const handle = await open(this.logFile, 'r');
    try {
      const { size } = await handle.stat();
      const length = Math.max(0, size - start);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  }
}

function listeningPort(line: string): number[] {
  if (!line.startsWith('{"event":"listening"')) return [];
  return [(JSON.parse(line) as { readonly port: number }).port];
}
