/** Header fields whose values reports do not keep, lower case; an operator may name more. */
export const REDACTED_HEADERS = ['authorization', 'cookie', 'set-cookie', 'proxy-authorization'] as const;

const REDACTED = '"(redacted)"';

/** A value for the report: hidden where its place is a header that must not be kept. Cookie attributes stay. */
export function redact(
  where: string,
  inner: string,
  value: string | undefined,
  headers: ReadonlySet<string>,
): string | undefined {
  if (value === undefined) return undefined;
  const header =
    /^header:(.+)$/.exec(where)?.[1] ??
    /headers\.([\w-]+)|headers\["([^"]+)"\]/.exec(where)?.slice(1).find(Boolean);
  if (header === undefined || !headers.has(header.toLowerCase())) return value;
  if (header === 'set-cookie' && inner !== '' && !inner.includes('.value') && /\./.test(inner)) return value;
  // A symbol stands for the value without telling it.
  return /^"[^"]*⟨id \d+⟩[^"]*"$/.test(value) ? value : REDACTED;
}
