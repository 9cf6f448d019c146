import { DharmaError, ExitCode, type Difference, type Verdict } from '../../common/index.js';
import type { UpgradeDocument } from '../state/documents.js';

export function upgradeRunning(running: UpgradeDocument | undefined): DharmaError {
  const id = running?._id ?? 'another upgrade';
  if (running?.state === 'starting' || running?.state === 'shadowing')
    return new DharmaError({
      code: 'SHADOW_ALREADY_RUNNING',
      message: `a shadow is running already (upgrade ${id})`,
      found: running.change.packages?.join(' ') ?? running.state,
      remedy:
        'Read it with: federate shadow report — then federate promote, federate rollback or federate shadow stop.',
      httpStatus: 409,
    });
  return new DharmaError({
    code: 'UPGRADE_RUNNING',
    message: `upgrade ${id} is under way`,
    found: running?.state ?? 'running',
    remedy: 'Wait until it has ended: federate status',
    httpStatus: 409,
  });
}

export function nothingLive(): DharmaError {
  return new DharmaError({
    code: 'NOTHING_LIVE',
    message: 'no cluster serves the app, so there is nothing to copy',
    remedy: 'Add one with: federate add-cluster NAME --config FILE --app DIR',
    httpStatus: 409,
  });
}

export function promoteNothing(latest: UpgradeDocument | undefined): DharmaError {
  return new DharmaError({
    code: 'PROMOTE_NOTHING',
    message: 'there is nothing to promote',
    ...(latest === undefined ? {} : { found: `the last upgrade, ${latest._id}, is ${latest.state}` }),
    remedy: 'Start an upgrade with: federate shadow start --update PACKAGE@VERSION',
    httpStatus: 409,
  });
}

export function rollbackNothing(latest: UpgradeDocument | undefined): DharmaError {
  return new DharmaError({
    code: 'ROLLBACK_NOTHING',
    message: 'there is nothing to roll back',
    ...(latest === undefined ? {} : { found: `the last upgrade, ${latest._id}, is ${latest.state}` }),
    remedy:
      latest?.state === 'settled'
        ? 'Its rollback window has ended. Deploy the old files with: federate deploy DIR'
        : 'See what has been with: federate status',
    httpStatus: 409,
  });
}

export function promotedMeanwhile(): DharmaError {
  return new DharmaError({
    code: 'PROMOTED_MEANWHILE',
    message: 'the promotion had ended before it could be turned back',
    remedy: 'Its old nodes are warm; go back to them with: federate rollback',
    httpStatus: 409,
  });
}

export function shadowNotRunning(): DharmaError {
  return new DharmaError({
    code: 'SHADOW_NOT_RUNNING',
    message: 'no shadow is running',
    remedy: 'Start one with: federate shadow start --update PACKAGE@VERSION',
    httpStatus: 409,
  });
}

export function noUpgrade(id: string): DharmaError {
  return new DharmaError({
    code: 'UPGRADE_UNKNOWN',
    message: id === 'current' ? 'there has been no upgrade yet' : `there is no upgrade "${id}"`,
    remedy: 'Start one with: federate shadow start --update PACKAGE@VERSION',
    httpStatus: 404,
  });
}

export function noReport(upgrade: string): DharmaError {
  return new DharmaError({
    code: 'REPORT_NOT_READY',
    message: `upgrade ${upgrade} has no report yet`,
    remedy: 'Wait for it with: federate shadow report --wait',
    exitCode: ExitCode.degraded,
    httpStatus: 409,
  });
}

export function verdictNeedsWord(verdict: Verdict | 'none', because: string): DharmaError {
  return new DharmaError({
    code: 'VERDICT_NEEDS_WORD',
    message: `the shadow's verdict is ${verdict}: promoting needs your explicit word`,
    found: because,
    remedy: 'Read federate shadow report and let it compare more, or promote with --yes.',
    exitCode: ExitCode.inputNeeded,
    httpStatus: 409,
  });
}

export function differencesOpen(open: readonly Difference[]): DharmaError {
  return new DharmaError({
    code: 'DIFFERENCES_OPEN',
    message: `${open.length} ${open.length === 1 ? 'difference is' : 'differences are'} not accepted`,
    found: open.map(({ id, endpoint, where }) => `${id} (${endpoint} ${where})`).join(', '),
    remedy: `Accept what is intended with federate shadow accept ID --reason TEXT, or promote all the same with --despite ${open.map(({ id }) => id).join(' ')}.`,
    exitCode: ExitCode.inputNeeded,
    httpStatus: 409,
  });
}

export function differenceUnknown(id: string): DharmaError {
  return new DharmaError({
    code: 'DIFFERENCE_UNKNOWN',
    message: 'the report has no such difference',
    found: id,
    remedy: 'Take ids from: federate shadow report',
    httpStatus: 404,
  });
}

export function ruleUnknown(id: string): DharmaError {
  return new DharmaError({
    code: 'RULE_UNKNOWN',
    message: 'no such difference is accepted',
    found: id,
    remedy: 'Take an id from: federate shadow accepted',
    httpStatus: 404,
  });
}

export function shadowInterrupted(): DharmaError {
  return new DharmaError({
    code: 'SHADOW_INTERRUPTED',
    message: 'the federation was stopped while the shadow ran, so what came in meanwhile was not copied',
    remedy: 'Its report up to then stands. Start again with: federate shadow start --update PACKAGE@VERSION',
  });
}

export function superseded(by: string): DharmaError {
  return new DharmaError({
    code: 'CANCELLED',
    message: `cancelled by ${by}`,
    remedy: 'Nothing is left of it.',
    httpStatus: 409,
  });
}
