import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import { compare, type Contender, type Sample } from '../compare.js';
import { Federation, visit } from '../federation.js';
import { ProcessTree } from '../process-tree.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

/** The update that is rehearsed: a real one. */
const UPDATE = 'express@5.1.0';
/** Visitors' requests a second, as in `npm start`: what two cores carry besides four copies of the app. */
const RATE = 30;
/** More than any machine carries: each visitor sends its next request when it has its answer. */
const FLOOD_RATE = 1_000_000;
/** Visitors' latencies need more requests than a proxy's: rounds this many times as long. */
const LONGER = 4;

/** Turns the shadow on and off, only where that is not how it is. */
class ShadowSwitch {
  #on = false;

  constructor(
    private readonly federation: Federation,
    private readonly say: (text: string) => void,
  ) {}

  async set(on: boolean): Promise<void> {
    if (on === this.#on) return;
    this.say(on ? `shadow: starting one with ${UPDATE}` : 'shadow: stopping it');
    await this.federation.cli(on ? ['shadow', 'start', '--update', UPDATE] : ['rollback', '--yes']);
    this.#on = on;
  }
}

/** What is measured is what is live; what the shadow needs for itself is apart. */
async function measure(federation: Federation, rate: number, seconds: number): Promise<Sample> {
  const before = liveCpuSeconds(federation);
  const result = await visit(federation.edgeUrl, rate, seconds);
  return { ...result, cpuSeconds: liveCpuSeconds(federation) - before };
}

const SHADOW = 'shadow-worker/main.js';

function liveCpuSeconds(federation: Federation): number {
  const all = new ProcessTree(federation.pids);
  return all.cpuSeconds - all.having(SHADOW).cpuSeconds;
}

/** Half of the CPUs for what is live and its visitors, the other half for the shadow, so that they share none. */
async function keepApart(federation: Federation): Promise<void> {
  const count = cpus().length;
  if (count < 2) return;
  const half = Math.floor(count / 2);
  const all = new ProcessTree(federation.pids);
  const shadow = new Set(all.having(SHADOW).pids);
  for (const pid of [process.pid, ...all.pids])
    await pin(pid, shadow.has(pid) ? `${half}-${count - 1}` : `0-${half - 1}`);
}

/** All threads of a process; what they start later is where they are. */
async function pin(pid: number, to: string): Promise<void> {
  await promisify(execFile)('taskset', ['-a', '-c', '-p', to, String(pid)]).catch((error: unknown) => {
    if (existsSync(`/proc/${pid}`)) throw error;
  });
}

async function compareShadow(name: string, rate: number, context: EntryContext): Promise<EntryResult> {
  context.say('shadow: bringing up a federation');
  const federation = await Federation.start(context.folder);
  try {
    const shadow = new ShadowSwitch(federation, context.say);
    const contenders = [true, false].map<Contender>((on) => ({
      name: on ? 'shadow on' : 'shadow off',
      measure: async (seconds) => {
        await shadow.set(on);
        await keepApart(federation);
        return measure(federation, rate, seconds);
      },
    }));
    const effort = { ...context.effort, seconds: context.effort.seconds * LONGER, connections: 8 };
    const comparison = await compare(contenders, effort, (done) =>
      context.say(`${name}: round ${done} of ${effort.rounds}`),
    );
    return { entry: name, load: "the shop's visitors", effort, notes: [NOTE], ...comparison };
  } finally {
    await federation.stop();
  }
}

const NOTE =
  'CPU/request is that of what is live, its stores included; the shadow (copies, mirror stores, judge) has CPUs of its own';

export const shadowEntry: Entry = {
  name: 'shadow',
  about: `live visitors (${RATE} requests/s) with a shadow on against off`,
  run: (context) => compareShadow('shadow', RATE, context),
};

export const shadowFloodEntry: Entry = {
  name: 'flood',
  about: 'as many live requests as the machine carries, with a shadow on against off',
  run: (context) => compareShadow('flood', FLOOD_RATE, context),
};
