import { readFile, readdir, readlink } from 'node:fs/promises';

/**
 * The TCP addresses a process listens at, `address:port`, for telling an operator why an app cannot be reached. Empty
 * where the process is gone or is not ours to look at.
 */
export async function listeningAddresses(pid: number): Promise<string[]> {
  try {
    const inodes = await socketInodes(pid);
    const tables = await Promise.all(['tcp', 'tcp6'].map((t) => readFile(`/proc/${pid}/net/${t}`, 'utf8')));
    return tables.flatMap((table) => listeners(table, inodes));
  } catch {
    return []; // Only a hint in an error message depends on it, and the process may end while it is looked at.
  }
}

async function socketInodes(pid: number): Promise<Set<string>> {
  const inodes = new Set<string>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  return inodes;
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
