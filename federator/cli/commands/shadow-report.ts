import { setTimeout as pause } from 'node:timers/promises';
import { DharmaError, ExitCode, type ShadowReport } from '../../../common/index.js';
import type { FederationClient, ShadowTold } from '../../client/client.js';
import type { Command, CommandContext } from '../command.js';
import { durationOption, textOption } from '../options.js';
import { checkPage, reportNotReady, showReport, VERDICT_EXIT, writePage } from '../show-shadow.js';

/** How long `--wait` waits for a verdict, where it is not said. */
const DEFAULT_WAIT_MS = 300_000;
const POLL_MS = 500;

export const shadowReport: Command = {
  name: 'shadow report',
  summary: 'show what the update would change',
  description:
    'Shows the report as it stands. Exit code 0: identical, 1: differs, 3: inconclusive, or it could not be told.',
  options: [
    { flags: '--wait', about: 'wait until there is a verdict and nothing is pending' },
    { flags: '--timeout <duration>', about: 'how long --wait waits (default: 5m)' },
    { flags: '--html <file>', about: 'write the report as a page too' },
  ],
  examples: ['federate shadow report', 'federate shadow report --wait --timeout 10m --json'],
  // 1 says that old and new differ: what kept it from being told must not be taken for that.
  failureExit: ExitCode.degraded,
  run: async (context, { options }) => {
    await checkPage(textOption(options, 'html'));
    const api = await context.client();
    const timeoutMs = durationOption(options, 'timeout', '--timeout') ?? DEFAULT_WAIT_MS;
    const told =
      options.wait === true
        ? await waitForVerdict(api, context, timeoutMs)
        : await api.shadow('current', context.signal);
    const { report } = told;
    if (report === null) throw reportNotReady(told);
    await writePage(report, textOption(options, 'html'), { accepting: 'by command' });
    return {
      data: report,
      show: (printer) => showReport(report, printer),
      exitCode: VERDICT_EXIT[report.verdict],
    };
  },
};

/** The report at the first moment that has a verdict and nothing pending, or as it stands when the time is over. */
async function waitForVerdict(
  api: FederationClient,
  { printer, signal }: CommandContext,
  timeoutMs: number,
): Promise<ShadowTold> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    const told = await api.shadow('current', signal).catch((error: unknown) => {
      if (error instanceof DharmaError && error.code === 'REPORT_NOT_READY') return undefined;
      throw error;
    });
    if (told !== undefined && (isTold(told.report) || isOver(told))) return told;
    if (performance.now() > giveUpAt) {
      if (told !== undefined) return told;
      return api.shadow('current', signal); // With its error, if there is still none.
    }
    printer.doing(
      told === undefined
        ? 'waiting for the shadow'
        : `${told.status.step}: ${told.status.ledger.compared} compared`,
    );
    await pause(POLL_MS, undefined, { signal });
  }
}

function isTold(report: ShadowReport | null): boolean {
  return report !== null && report.verdict !== 'inconclusive' && report.ledger.pending === 0;
}

function isOver({ status }: ShadowTold): boolean {
  return status.phase === 'stopped' || status.phase === 'failed';
}
