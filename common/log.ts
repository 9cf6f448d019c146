import pino, { type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

/** Keys whose values never reach a log, wherever one level of nesting puts them. */
const SECRET_KEYS = ['token', 'password', 'secret', 'authorization', 'cookie', 'uri'];
const REDACTED = SECRET_KEYS.flatMap((key) => [key, `*.${key}`]);

/**
 * A logger that writes JSON lines to stderr (stdout is for data). `name` is the component.
 * The level comes from DHARMA_LOG (trace…silent), `info` when unset.
 */
export function createLogger(name: string, level = process.env.DHARMA_LOG ?? 'info'): Logger {
  return pino(
    { name, level, redact: { paths: REDACTED, censor: '[redacted]' } },
    pino.destination({ dest: 2, sync: true }),
  );
}
