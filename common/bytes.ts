import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/** Parses `1073741824`, `500MB`, `1.5 GB` (of 1024 each) to bytes; undefined when it is none of these. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?B)?$/i.exec(text.trim());
  if (!match) return undefined;
  const bytes = Math.floor(Number(match[1]) * UNITS[(match[2] ?? 'B').toUpperCase()]!);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** For people: megabytes, or gigabytes where there are many. */
export function formatBytes(bytes: number): string {
  return bytes < 10 * UNITS.GB!
    ? `${Math.ceil(bytes / UNITS.MB!)} MB`
    : `${(bytes / UNITS.GB!).toFixed(1)} GB`;
}

/** A number of bytes in configs: a string with a unit. */
export const bytesSchema = z.string().transform((text, context) => {
  const bytes = parseBytes(text);
  if (bytes === undefined || bytes === 0) {
    context.addIssue({ code: 'custom', message: 'expected a size such as "512MB", "2GB"' });
    return z.NEVER;
  }
  return bytes;
});
