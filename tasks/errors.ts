import { DharmaError } from '../common/errors.js';

/** What a caller of this library can cause. */
export function taskError(
  code: string,
  message: string,
  found: string | undefined,
  remedy: string,
): DharmaError {
  return new DharmaError({ code, message, ...(found === undefined ? {} : { found }), remedy });
}
