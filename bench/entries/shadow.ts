import { compare, type Contender, type Sample } from '../compare.js';
import { Federation, visit } from '../federation.js';
import { cpuSeconds } from '../process-tree.js';
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

async function measure(federation: Federation, rate: number, seconds: number): Promise<Sample> {
  const before = cpuSeconds(federation.pids);
  const result = await visit(federation.edgeUrl, rate, seconds);
  return { ...result, cpuSeconds: cpuSeconds(federation.pids) - before };
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
  'CPU/request is that of the whole federation, stores and the copies of the app included; all share this machine';

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
