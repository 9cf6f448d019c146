import { DharmaError, ExitCode } from '../../common/index.js';

const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?$/s;

/** A variadic option's values. */
export function listOption(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** `NAME=VALUE`s; NAME alone: null. Error: USAGE. */
export function envOption(value: unknown): Record<string, string | null> {
  return Object.fromEntries(
    listOption(value).map((text) => {
      const match = ASSIGNMENT.exec(text);
      if (match?.[1] === undefined) throw wrongEnv(text);
      return [match[1], match[2] ?? null];
    }),
  );
}

function wrongEnv(found: string): DharmaError {
  return new DharmaError({
    code: 'USAGE',
    message: '--env: expected NAME=VALUE, or NAME to unset it',
    found,
    remedy: 'Correct --env.',
    exitCode: ExitCode.usage,
  });
}
