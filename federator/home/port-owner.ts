import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { DharmaError, systemCode } from '../../common/index.js';

const LISTEN = '0A';

/** The process that listens on a TCP port of this machine, as far as this user may see it. */
export function portOwner(port: number): { pid: number; command: string } | undefined {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    if (socketInodes(pid).some((inode) => inodes.has(inode)))
      return {
        pid: Number(pid),
        command: tryRead(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? '?',
      };
  }
  return undefined;
}

/** `what` cannot listen on `port`. `remedy` names the flag or setting that moves it. */
export function portTaken(what: string, port: number, remedy: string): DharmaError {
  const owner = portOwner(port);
  return new DharmaError({
    code: 'PORT_TAKEN',
    message: `${what} cannot listen: port ${port} is taken`,
    found:
      owner === undefined ? 'a process that is not visible to you' : `${owner.command} (pid ${owner.pid})`,
    remedy,
  });
}

function listeningInodes(port: number): Set<string> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (tryRead(() => readFileSync(file, 'utf8')) ?? '').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${hexPort}`) && fields[3] === LISTEN && fields[9]) inodes.add(fields[9]);
    }
  }
  return inodes;
}

function socketInodes(pid: string): string[] {
  const fds = tryRead(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return fds.flatMap((fd) => {
    const target = tryRead(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
    return /^socket:\[(\d+)\]$/.exec(target ?? '')?.[1] ?? [];
  });
}

/** A look at /proc: undefined when the process has gone or is another user's. */
function tryRead<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
