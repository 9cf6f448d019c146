import { DharmaError, type Difference } from '../../common/index.js';
import { NO_START } from './acceptance.js';

/** An app that does not start on the new release is a difference like any other, and the plainest. */
export function startFinding(error: unknown): Difference | undefined {
  if (!(error instanceof DharmaError) || error.code !== 'ARM_DID_NOT_START') return undefined;
  const { arm, logTail } = error as DharmaError & { readonly arm?: unknown; readonly logTail?: unknown };
  if (typeof arm !== 'string' || !arm.startsWith('new')) return undefined;
  const log = typeof logTail === 'string' ? logTail : error.message;
  return {
    id: 'start',
    endpoint: '(start of the app)',
    where: NO_START,
    kind: 'removed',
    risk: 'high',
    count: 1,
    of: 1,
    noise: 0,
    confidence: 1,
    changes: [{ kind: 'removed', old: '"the app listens"', new: 'absent', count: 1, accepted: false }],
    accepted: false,
    examples: [
      {
        exchange: '',
        request: { index: -1, method: '', target: '' },
        old: JSON.stringify('the app listens'),
        new: JSON.stringify(`the app does not start: ${log}`),
      },
    ],
  };
}
