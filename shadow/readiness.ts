import type { ShadowReport } from '../common/index.js';

/** A run as far as its beginning is concerned. */
interface Beginning {
  ready(): Promise<void>;
  report(): Promise<ShadowReport>;
}

/** False: the new release does not start, which the report tells. Any other failure is thrown. */
export async function isReady(run: Beginning): Promise<boolean> {
  try {
    await run.ready();
    return true;
  } catch (error) {
    if ((await run.report()).verdict === 'differs') return false;
    throw error;
  }
}
