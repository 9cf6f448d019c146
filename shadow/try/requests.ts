import { z } from 'zod';
import { DharmaError, ExitCode } from '../../common/index.js';

const playedSchema = z.strictObject({
  method: z
    .string()
    .regex(/^[A-Za-z]+$/, 'expected an HTTP method')
    .default('GET'),
  path: z.string().regex(/^(?:\/|\{\{)/, 'expected a path that starts with "/", or with a variable'),
  headers: z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).default({}),
  /** A string is sent as it is; anything else as JSON. */
  body: z.unknown().optional(),
  /** Variable → where its value is in the answer. */
  capture: z.record(z.string(), z.string()).default({}),
});

/** One request of a requests file. */
export type PlayedRequest = z.output<typeof playedSchema>;

/** Reads a requests file: one JSON object a line, empty lines left out. Error: REQUESTS_INVALID, with the line. */
export function parseRequests(text: string, file: string): readonly PlayedRequest[] {
  const requests: PlayedRequest[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    requests.push(parseLine(line, `${file}:${i + 1}`));
  }
  return requests;
}

function parseLine(line: string, where: string): PlayedRequest {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    throw invalid(where, error instanceof Error ? error.message : 'not JSON', line);
  }
  const parsed = playedSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw invalid(where, `${issue.path.join('.') || 'the line'}: ${issue.message}`, line);
}

function invalid(where: string, problem: string, line: string): DharmaError {
  return new DharmaError({
    code: 'REQUESTS_INVALID',
    message: `${where} is no request: ${problem}`,
    found: line.slice(0, 200),
    remedy: 'Write one JSON object a line: {"method","path","headers"?,"body"?,"capture"?}.',
    exitCode: ExitCode.usage,
  });
}
