import { DharmaError, messageOf, type DharmaErrorJson } from '../../common/index.js';

/** An error on its way to another process: an operator's with all it says, a bug by its words. */
export interface ArmFailure {
  readonly operator: DharmaErrorJson | undefined;
  readonly message: string;
  /** Of an arm that did not start. */
  readonly arm: unknown;
  readonly logTail: unknown;
}

export function failureOf(error: unknown): ArmFailure {
  const { arm, logTail } = Object(error) as { arm?: unknown; logTail?: unknown };
  return {
    operator: error instanceof DharmaError ? error.toJSON() : undefined,
    message: messageOf(error),
    arm,
    logTail,
  };
}

export function errorOf({ operator, message, arm, logTail }: ArmFailure): Error {
  if (operator === undefined) return new Error(message);
  return Object.assign(new DharmaError(operator), { arm, logTail });
}
