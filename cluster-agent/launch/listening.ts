import { readFile, readdir, readlink } from 'node:fs/promises';

/**
 * The TCP addresses a process or one that it started listens at, `address:port`, for telling an operator why an app cannot be reached. Empty
 * where the process is gone or is not ours to look at.
 */
export async function listeningAddresses(pid: number): Promise<string[]> {
  try {
    const pids = [pid, ...(await descendants(pid))];
    const inodes = new Set((await Promise.all(pids.map(socketInodes))).flat());
    const tables = await Promise.all(['tcp', 'tcp6'].map((t) => readFile(`/proc/${pid}/net/${t}`, 'utf8')));
    return tables.flatMap((table) => listeners(table, inodes));
  } catch {
    return []; // Only a hint in an error message depends on it, and the process may end while it is looked at.
  }
}

async function descendants(pid: number): Promise<number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
  const pids = children === '' ? [] : children.split(' ').map(Number);
  return [...pids, ...(await Promise.all(pids.map(descendants))).flat()];
}

async function socketInodes(pid: number): Promise<string[]> {
  const links = (await readdir(`/proc/${pid}/fd`)).map((fd) =>
    readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''),
  );
  return (await Promise.all(links)).flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}

const LISTEN = '0A';

/** Lines of /proc/PID/net/tcp: `sl local_address rem_address st … inode`, addresses in hex. */
function listeners(table: string, inodes: ReadonlySet<string>): string[] {
  return table
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTEN && inodes.has(fields[9] ?? ''))
    .map((fields) => formatAddress(fields[1] ?? ''));
}

/** An IPv4 address stands as the kernel's own u32, printed in the machine's byte order. */
function formatAddress(hex: string): string {
  const [address = '', port = ''] = hex.split(':');
  if (address.length !== 8) return `[${/^0+$/.test(address) ? '::' : '…'}]:${parseInt(port, 16)}`;
  const bytes = address.match(/../g)!.map((byte) => parseInt(byte, 16));
  return `${(LITTLE_ENDIAN ? bytes.reverse() : bytes).join('.')}:${parseInt(port, 16)}`;
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
