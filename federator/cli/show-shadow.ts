import { constants } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DharmaError, ExitCode, messageOf, type ShadowReport, type Verdict } from '../../common/index.js';
import type { PageOptions } from '../../shadow/index.js';
import type { Upgrade } from '../api/schemas.js';
import type { ShadowTold } from '../client/client.js';
import type { Printer } from './printer.js';

/** What the shadow is doing, for people. */
export function showShadowStatus(upgrade: Upgrade, told: ShadowTold, printer: Printer): void {
  const { status } = told;
  const { ledger } = status;
  const dropped = Object.values(ledger.dropped).reduce((sum, count) => sum + count, 0);
  printer.line(`upgrade    ${upgrade.id} (${upgrade.state})`);
  printer.line(`phase      ${status.phase}: ${status.step}`);
  printer.line(`verdict    ${status.verdict}, ${status.differences} differences`);
  printer.line(
    `exchanges  ${ledger.captured} captured, ${ledger.compared} compared, ${ledger.pending} pending, ` +
      `${ledger.unbound} unbound, ${ledger.truncated} truncated, ${ledger.unanswered} unanswered, ${dropped} dropped`,
  );
  if (status.error !== undefined) printer.line(`error      ${status.error.message} (${status.error.remedy})`);
}

/** The report, as the engine renders it for a terminal. */
export async function showReport(report: ShadowReport, printer: Printer): Promise<void> {
  const { renderReport } = await import('../../shadow/index.js');
  printer.line(renderReport(report, { color: printer.colors.isColorSupported, width: printer.width }));
}

/** What a verdict is to a script: as `diff` has it, and 3 where it cannot be told. */
export const VERDICT_EXIT: Readonly<Record<Verdict, ExitCode>> = {
  identical: ExitCode.ok,
  differs: ExitCode.failed,
  inconclusive: ExitCode.degraded,
};

/** Whether a page can be written there, told before the work is done. Error: PAGE_NOT_WRITABLE. */
export async function checkPage(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  await access(dirname(resolve(file)), constants.W_OK).catch((error: unknown) => {
    throw pageNotWritable(file, error);
  });
}

/** Writes the report as a page, for its owner alone: it tells what the app answered. Error: PAGE_NOT_WRITABLE. */
export async function writePage(
  report: ShadowReport,
  file: string | undefined,
  options: PageOptions,
): Promise<void> {
  if (file === undefined) return;
  const { renderPage } = await import('../../shadow/index.js');
  await writeFile(resolve(file), renderPage(report, options), { mode: 0o600 }).catch((error: unknown) => {
    throw pageNotWritable(file, error);
  });
}

function pageNotWritable(file: string, error: unknown): DharmaError {
  return new DharmaError({
    code: 'PAGE_NOT_WRITABLE',
    message: 'the report cannot be written there',
    found: `${file}: ${messageOf(error)}`,
    remedy: 'Give --html a file in a folder that is there and that you may write to.',
    exitCode: ExitCode.usage,
    cause: error,
  });
}

/** What is told where there is no report yet: what kept it from being made, if anything did. */
export function reportNotReady({ status }: ShadowTold): DharmaError {
  const { error } = status;
  return new DharmaError({
    code: error?.code ?? 'REPORT_NOT_READY',
    message: error?.message ?? 'there is no report yet',
    found: status.step,
    remedy: error?.remedy ?? 'Wait for it with: federate shadow report --wait',
    exitCode: error === undefined ? ExitCode.degraded : ExitCode.failed,
  });
}
