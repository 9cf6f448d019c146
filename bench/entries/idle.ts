import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { ProcessTree } from '../process-tree.js';
import { ratios, spreadOf, spreadText } from '../statistics.js';
import { startBackend, startDharma, startNginx, type Subject } from '../subject.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

const MOST_CONNECTIONS = 10_000;
/** A proxy keeps as many descriptors for its nodes as for its clients, and some for itself. */
const CONNECTIONS = Math.min(MOST_CONNECTIONS, Math.floor((openFilesMost() - 200) / 2));
/** nginx makes room for all its connections at its start, and begins to close idle ones when a sixteenth of it is left. */
const NGINX_CONNECTIONS = Math.ceil(CONNECTIONS * 1.1);
/** Opened at a time: more than a listen's backlog would only wait there. */
const AT_ONCE = 200;
const REQUEST = 'GET / HTTP/1.1\r\nHost: bench\r\n\r\n';

/** Files a process may have open here. */
function openFilesMost(): number {
  const [, most] = /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Number(most ?? Infinity);
}

/** Memory of a subject's processes, bytes; what they share is counted once. */
function memoryOf(subject: Subject): number {
  const kib = new ProcessTree(subject.pids()).pids.map((pid) => {
    const [, pss] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
    return Number(pss);
  });
  return kib.reduce((sum, one) => sum + one, 0) * 1024;
}

/** A connection that has had one answer and is kept. */
async function answered(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write(REQUEST);
  await once(socket, 'data');
  return socket;
}

/** Memory of a subject with so many idle clients, bytes. */
async function withClients(subject: Subject): Promise<number> {
  const sockets: Socket[] = [];
  while (sockets.length < CONNECTIONS) {
    const next = Math.min(AT_ONCE, CONNECTIONS - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: next }, () => answered(subject.port)))));
  }
  const memory = memoryOf(subject);
  const open = sockets.filter((socket) => !socket.closed);
  await Promise.all(open.map((socket) => once(socket.destroy(), 'close')));
  if (open.length < CONNECTIONS) throw new Error(`${subject.name} closed clients that were idle`);
  return memory;
}

/** A fresh process each time: what one has had open once it may keep. */
async function measured(start: () => Promise<Subject | undefined>): Promise<number | undefined> {
  const subject = await start();
  if (subject === undefined) return undefined;
  try {
    return await withClients(subject);
  } finally {
    await subject.stop();
  }
}

async function run(context: EntryContext): Promise<EntryResult> {
  const backend = await startBackend(context.folder, 128);
  const own: number[] = [];
  const nginx: number[] = [];
  try {
    for (let round = 1; round <= context.effort.rounds; round++) {
      own.push((await measured(() => startDharma('dharma-proxy', context.folder, [backend.port])))!);
      const peer = await measured(() =>
        startNginx(context.folder, backend.port, { connections: NGINX_CONNECTIONS }),
      );
      if (peer !== undefined) nginx.push(peer);
      context.say(`idle: round ${round} of ${context.effort.rounds}`);
    }
  } finally {
    await backend.stop();
  }
  const rows = [rowOf('dharma-proxy', own)];
  if (nginx.length > 0)
    rows.push(rowOf('nginx', nginx), ['ratio, round by round', spreadText(ratios(own, nginx), 2)]);
  return {
    entry: 'idle',
    load: `${CONNECTIONS} keep-alive clients that have had one answer`,
    effort: context.effort,
    figures: [],
    ratios: [],
    tables: [{ head: ['', 'MB'], rows }],
    notes: nginx.length > 0 ? [] : ['nginx is not installed: left out (apt-get install nginx-light)'],
  };
}

const rowOf = (name: string, bytes: readonly number[]): [string, string] => [
  name,
  spreadText(spreadOf(bytes.map((one) => one / 1e6)), 1),
];

export const idleEntry: Entry = {
  name: 'idle',
  about: `memory with ${MOST_CONNECTIONS} idle keep-alive connections, dharma-proxy against nginx`,
  run,
};
