import { DharmaError, ExitCode, parseDuration, redactionRuleSchema } from '../../common/index.js';
import { listOption } from './env-options.js';

type Options = Readonly<Record<string, unknown>>;

/** A text option's value. */
export function textOption(options: Options, key: string): string | undefined {
  const value = options[key];
  return typeof value === 'string' ? value : undefined;
}

/** Error: USAGE, unless it is a whole number within the range. */
export function numberOption(
  options: Options,
  key: string,
  flag: string,
  range: { readonly least: number; readonly most: number },
): number | undefined {
  const text = textOption(options, key);
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= range.least && value <= range.most) return value;
  throw usage(flag, text, `a whole number from ${range.least} to ${range.most}`);
}

/** Milliseconds. Error: USAGE, unless it is a duration. */
export function durationOption(options: Options, key: string, flag: string): number | undefined {
  const text = textOption(options, key);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined) throw usage(flag, text, 'a duration such as 30s, 15m, 2h');
  return ms;
}

/** Redaction rules. Error: USAGE. */
export function redactOption(value: unknown): string[] {
  const rules = listOption(value);
  for (const rule of rules)
    if (!redactionRuleSchema.safeParse(rule).success)
      throw usage(
        '--redact',
        rule,
        'the name of a header field, or a JSON path such as $.card.number or $..pin',
      );
  return rules;
}

function usage(flag: string, found: string, allowed: string): DharmaError {
  return new DharmaError({
    code: 'USAGE',
    message: `${flag}: expected ${allowed}`,
    found,
    remedy: `Correct ${flag}.`,
    exitCode: ExitCode.usage,
  });
}
