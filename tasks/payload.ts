import { messageOf } from '../common/errors.js';
import { taskError } from './errors.js';

/** Payloads and results lie in Redis, in memory: what is larger belongs in a file or a document, whose name is sent. */
export const MOST_BYTES = 1024 * 1024;

/**
 * The value as JSON text. `undefined` is null. Errors: TASK_PAYLOAD_INVALID (or _RESULT_), TASK_PAYLOAD_TOO_LARGE.
 */
export function encode(value: unknown, what: 'payload' | 'result', task: string): string {
  const text = textOf(value, what, task);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MOST_BYTES) return text;
  throw taskError(
    `TASK_${what.toUpperCase()}_TOO_LARGE`,
    `the ${what} of the task ${task} is larger than ${MOST_BYTES} bytes of JSON`,
    `${bytes} bytes`,
    'Store it where every worker can read it, and send its name.',
  );
}

function textOf(value: unknown, what: 'payload' | 'result', task: string): string {
  const invalid = (found: string): Error =>
    taskError(
      `TASK_${what.toUpperCase()}_INVALID`,
      `the ${what} of the task ${task} cannot be written as JSON`,
      found,
      'Send plain data: objects, arrays, texts, numbers, booleans, null.',
    );
  if (value === undefined) return 'null';
  let text: string | undefined; // None for functions and symbols, whatever its type says.
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw invalid(messageOf(error));
  }
  if (text === undefined) throw invalid(typeof value);
  return text;
}
