import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { DharmaError, ExitCode, systemCode } from '../errors.js';
import { keysAt } from './keys.js';

/** What is wrong with one key: its path, what was found there, what is allowed. */
export interface ConfigProblem {
  readonly path: string;
  readonly found: string;
  readonly allowed: string;
}

/**
 * Checks `value` against `schema`; `source` names the document in errors.
 * Error: CONFIG_INVALID, naming each wrong key, what was found and what is allowed.
 */
export function parseConfig<T extends z.ZodType>(schema: T, value: unknown, source: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, value, schema));
  throw new DharmaError({
    code: 'CONFIG_INVALID',
    message: `${source} is not valid: ${problems.map((p) => `${p.path}: ${p.allowed}, found ${p.found}`).join('; ')}`,
    found: problems.map((p) => `${p.path} = ${p.found}`).join('; '),
    remedy: `Correct ${problems.map((p) => p.path).join(', ')} in ${source}.`,
    exitCode: ExitCode.usage,
  });
}

/** Reads and checks a JSON file. Errors: CONFIG_NOT_FOUND, CONFIG_NOT_JSON, CONFIG_INVALID. */
export async function readConfig<T extends z.ZodType>(schema: T, file: string): Promise<z.output<T>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new DharmaError({
      code: 'CONFIG_NOT_FOUND',
      message: `cannot read ${file}`,
      found: systemCode(error) ?? String(error),
      remedy: 'Give the path of a readable JSON file.',
      exitCode: ExitCode.usage,
      cause: error,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DharmaError({
      code: 'CONFIG_NOT_JSON',
      message: `${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
      remedy: `Correct the syntax of ${file}.`,
      exitCode: ExitCode.usage,
      cause: error,
    });
  }
  return parseConfig(schema, value, file);
}

function problemsOf(issue: z.core.$ZodIssue, root: unknown, schema: z.ZodType): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    const allowed = known.length === 0 ? 'no such key' : `one of ${known.join(', ')}`;
    return issue.keys.map((key) => ({
      path: pathOf([...issue.path, key]),
      found: 'a key that is not known here',
      allowed,
    }));
  }
  const found = issue.path.reduce<unknown>(
    (value, key) =>
      value === null || typeof value !== 'object' ? undefined : (value as Record<PropertyKey, unknown>)[key],
    root,
  );
  return [{ path: pathOf(issue.path), found: shown(found), allowed: expectation(issue) }];
}

/** Zod's own words say what was received too, which is told apart. */
function expectation({ message }: z.core.$ZodIssue): string {
  return message.replace(/^Invalid input: (expected [^,]+), received .*$/, '$1');
}

function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return '(the document)';
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  );
}

/** A value as an error shows it: short, and never what may be a secret inside a URI. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value).replace(/:\/\/[^/@"]*@/g, '://[redacted]@');
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
