import { DharmaError, logTail, messageOf, systemCode, type ArmName } from '../../common/index.js';

/** Thrown when an arm's app does not come up. Of a new arm, that is a finding; of an old one, something is wrong here. */
export class ArmStartError extends DharmaError {
  readonly arm: ArmName;
  /** The end of what the app wrote. */
  readonly logTail: string;

  private constructor(arm: ArmName, tail: string, cause: unknown) {
    super({
      code: 'ARM_DID_NOT_START',
      message: `the arm ${arm} did not start: ${messageOf(cause)}`,
      found: tail === '' ? 'it wrote nothing' : tail,
      remedy: arm.startsWith('new')
        ? 'The update may be the cause: see the end of what it wrote.'
        : 'The running release did not start in a copy: see the end of what it wrote.',
      cause,
    });
    this.arm = arm;
    this.logTail = tail;
  }

  static async of(arm: ArmName, logFile: string, cause: unknown): Promise<ArmStartError> {
    return new ArmStartError(arm, await readTail(logFile), cause);
  }
}

async function readTail(logFile: string): Promise<string> {
  try {
    return await logTail(logFile);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}
