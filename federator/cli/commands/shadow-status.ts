import { ExitCode, type ShadowPhase } from '../../../common/index.js';
import type { Command } from '../command.js';
import { showShadowStatus } from '../show-shadow.js';

/** Phases in which nothing is copied, though a shadow was asked for. */
const OVER: ReadonlySet<ShadowPhase> = new Set(['failed', 'stopped']);

export const shadowStatus: Command = {
  name: 'shadow status',
  summary: 'show what the shadow is doing and how many exchanges it has compared',
  description: 'Shows the shadow at work. Exit code 3 when it has failed or was stopped.',
  examples: ['federate shadow status', 'federate shadow status --json'],
  run: async ({ client, signal }) => {
    const api = await client();
    const told = await api.shadow('current', signal);
    const upgrade = await api.upgrade(told.upgrade, signal);
    return {
      data: { ...told.status, state: upgrade.state, toldAt: told.at },
      show: (printer) => showShadowStatus(upgrade, told, printer),
      exitCode: OVER.has(told.status.phase) ? ExitCode.degraded : ExitCode.ok,
    };
  },
};
