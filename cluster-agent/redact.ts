/**
 * A program's words as errors and statuses may show them: without credentials in URLs, tokens and passwords. Logs keep
 * what the program wrote; they are for its user's eyes only.
 */
export function redact(text: string): string {
  return text
    .replace(/:\/\/[^/@\s"']+@/g, '://[redacted]@')
    .replace(
      /(\b(?:_authToken|_auth|_?password|secret|token|api_?key|Bearer)["']?[=: ]+)["']?[^\s"',;&]+/gi,
      '$1[redacted]',
    )
    .replace(/\bnpm_[A-Za-z0-9]{16,}\b/g, '[redacted]');
}
