import { DharmaError } from '../../../common/index.js';
import { SupervisorClient } from '../../daemon/client.js';
import { cleanStale } from '../../daemon/stale.js';
import { createLogger } from '../../../common/index.js';
import { readIfThere } from '../../home/files.js';
import { lockHolder } from '../../home/lock.js';
import { endProcesses, stillRuns, type ProcessIdentity } from '../../home/process-identity.js';
import { loadSettings } from '../../home/settings.js';
import type { Command, CommandContext } from '../command.js';

/** The longest way down: agents that drain, one after the federator, before the stores. Then it is killed. */
const LONGEST_WAY_DOWN_MS = 90_000;

export const down: Command = {
  name: 'down',
  summary: 'stop the federation and everything it started',
  description:
    'Stops the federation in good order and waits until no process of it is left. Its state stays.',
  examples: ['federate down'],
  run: async (context) => {
    const holder = await lockHolder(context.home);
    const ended = holder === undefined ? await sweep(context) : await stop(context, holder);
    return {
      data: { stopped: holder !== undefined, orphansEnded: ended },
      show: (printer) =>
        printer.note(holder === undefined && ended === 0 ? 'nothing was running' : 'the federation is down'),
    };
  },
};

async function stop({ home, printer, signal }: CommandContext, holder: ProcessIdentity): Promise<number> {
  printer.doing('stopping the federation');
  try {
    await new SupervisorClient(home).stop();
  } catch (error) {
    // Its socket is not there yet, or no more: it starts or stops.
    if (!(error instanceof DharmaError)) throw error;
    await endProcesses([holder], LONGEST_WAY_DOWN_MS);
  }
  const giveUpAt = performance.now() + LONGEST_WAY_DOWN_MS;
  while (stillRuns(holder)) {
    signal.throwIfAborted();
    if (performance.now() > giveUpAt) await endProcesses([holder], 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return 0;
}

/** Where no supervisor runs, something of one that was killed may. */
async function sweep({ home, printer }: CommandContext): Promise<number> {
  if ((await readIfThere(home.settingsFile)) === undefined) return 0;
  const { id } = await loadSettings(home);
  printer.doing('looking for what a killed run left');
  return cleanStale(home, id, createLogger('federate', 'silent'));
}
