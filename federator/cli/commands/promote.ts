import { DharmaError, type ShadowReport } from '../../../common/index.js';
import type { FederationClient } from '../../client/client.js';
import type { Command, CommandContext } from '../command.js';
import { listOption } from '../env-options.js';
import { durationOption } from '../options.js';

export const promote: Command = {
  name: 'promote',
  summary: 'move all traffic to the release that the shadow rehearsed',
  description:
    'Starts and tests nodes of the new release in every cluster, moves the traffic cluster by cluster, and keeps the old nodes warm for the rollback window. Says what it is about to do and asks first. Refuses while a difference is neither accepted nor named with --despite.',
  options: [
    { flags: '-y, --yes', about: 'do not ask; says nothing of differences that are not accepted' },
    {
      flags: '--despite <id...>',
      about: 'promote though these differences are not accepted; the ids of all that are open',
    },
    {
      flags: '--rollback-window <duration>',
      about: 'how long the old nodes stay warm (default: rollbackWindow of federation.json, 15m)',
    },
  ],
  examples: [
    'federate promote',
    'federate shadow report --wait && federate promote --yes',
    'federate promote --despite d3f9a1 07be2c',
  ],
  run: async (context, { options }) => {
    const { printer, signal, confirm } = context;
    const rollbackWindowMs = durationOption(options, 'rollbackWindow', '--rollback-window');
    const api = await context.client();
    const upgrade = await api.upgrade('current', signal).catch(() => undefined); // The API says why, below.
    if (upgrade !== undefined && ['shadowing', 'stopped'].includes(upgrade.state)) {
      await sayPlan(api, context);
      await confirm.ask(`Promote ${upgrade.next ?? upgrade.id}?`, options.yes === true);
    }
    const operation = await api.promote(
      {
        yes: true,
        despite: listOption(options.despite),
        ...(rollbackWindowMs === undefined ? {} : { rollbackWindowMs }),
      },
      signal,
    );
    await api.follow(operation, (doing) => printer.doing(doing), signal);
    const promoted = await api.upgrade('current', signal);
    printer.done(
      `release ${promoted.next ?? '?'} is live; federate rollback takes it back until ${promoted.rollbackUntil ?? '?'}`,
    );
    return { data: promoted };
  },
};

/** What is about to be done, and on what verdict. */
async function sayPlan(api: FederationClient, { printer, signal }: CommandContext): Promise<void> {
  const status = await api.status(signal);
  const told = await api.shadow('current', signal).catch((error: unknown) => {
    if (error instanceof DharmaError) return undefined;
    throw error;
  });
  const clusters = status.clusters.map((cluster) => cluster.name).join(', ');
  printer.note(
    `This starts and tests new nodes in ${clusters}, then moves the traffic, one cluster after the other.`,
  );
  printer.note(verdictLine(told?.report ?? null));
}

function verdictLine(report: ShadowReport | null): string {
  if (report === null) return 'The shadow has not compared anything yet.';
  const open = report.differences.filter((difference) => !difference.accepted).length;
  const differences =
    open === 0 ? '' : `; ${open} ${open === 1 ? 'difference is' : 'differences are'} not accepted`;
  return `The shadow's verdict after ${report.requests} requests: ${report.verdict}${differences}. ${report.because}`;
}
