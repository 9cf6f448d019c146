import type { EarlierRuns } from '../../common/index.js';
import type { ReportDocument } from '../state/documents.js';

/** What a worker that starts finds of those killed before it; undefined for the first. Pure. */
export function earlierRuns(told: ReportDocument | null): EarlierRuns | undefined {
  if (told === null) return undefined;
  const { earlier, status, report } = told;
  const attribution = report?.attribution ?? earlier?.attribution;
  return {
    runs: (earlier?.runs ?? 0) + 1,
    compared: (earlier?.compared ?? 0) + status.ledger.compared,
    // A report holds what was found before it, too.
    differences: report?.differences ?? earlier?.differences ?? [],
    ...(attribution === undefined ? {} : { attribution }),
  };
}
