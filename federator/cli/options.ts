import { DharmaError, ExitCode, parseBytes, parseDuration, redactionRuleSchema } from '../../common/index.js';
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

/** Error: USAGE, unless it is a number of bytes. */
export function bytesOption(options: Options, key: string, flag: string): number | undefined {
  const text = textOption(options, key);
  if (text === undefined) return undefined;
  const bytes = parseBytes(text);
  if (bytes === undefined) throw usage(flag, text, 'bytes, such as 1073741824, 500MB, 2GB');
  return bytes;
}

/** 0..1, more than 0. Error: USAGE, unless it is such a share, or a percentage. */
export function shareOption(options: Options, key: string, flag: string): number | undefined {
  const text = textOption(options, key);
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
  const share = match === null ? NaN : Number(match[1]) / (match[2] === '%' ? 100 : 1);
  if (share > 0 && share <= 1) return share;
  throw usage(flag, text, 'a share such as 10% or 0.1');
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
