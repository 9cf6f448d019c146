import { taskError } from './errors.js';

/** As long as an endpoint's name may be, less the word before it. */
const NAME = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

/** Names stand in keys and in telemetry. Error: TASK_NAME_INVALID. */
export function checkName(name: unknown): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw taskError(
    'TASK_NAME_INVALID',
    'this cannot be the name of a task',
    typeof name === 'string' ? name.slice(0, 80) : typeof name,
    'Begin with a letter; then letters, digits, ".", "_" or "-", 64 characters at most.',
  );
}

/** The endpoint that a task counts as in telemetry and sizing. */
export function taskEndpoint(name: string): string {
  return `task ${name}`;
}
