import type { ProxyConfig } from '../config/proxy.js';
import { DharmaError, ExitCode } from '../errors.js';

/** A proxy that does not answer for this long, ms, hangs: it reads its control socket on every turn of its loop. */
export const ANSWER_DEADLINE_MS = 5000;
/** Longest path of a unix socket on Linux, without the zero at its end. */
const LONGEST_SOCKET_PATH = 107;

export function notBuilt(): DharmaError {
  return new DharmaError({
    code: 'NATIVE_NOT_BUILT',
    message: 'dharma-proxy is not built',
    remedy: 'Run: npm run build:native',
  });
}

export function notStarted(name: string, why: string, listen: ProxyConfig['listen']): DharmaError {
  return new DharmaError({
    code: 'PROXY_NOT_STARTED',
    message: `the proxy of ${name} did not start: ${why}`,
    found: listen.map(({ address, port }) => `listen ${address}:${port}`).join(', '),
    remedy: 'Free the address, or configure another one.',
    httpStatus: 502,
  });
}

export function refused(name: string, path: string, message: string): DharmaError {
  return new DharmaError({
    code: 'PROXY_CONFIG_REFUSED',
    message: `the proxy of ${name} refused its config${path === '' ? '' : ` at ${path}`}: ${message}`,
    found: path,
    remedy: path === '' ? 'Correct the config.' : `Correct ${path}.`,
    exitCode: ExitCode.usage,
  });
}

export function notAnswering(name: string, logFile: string): DharmaError {
  return new DharmaError({
    code: 'PROXY_NOT_ANSWERING',
    message: `the proxy of ${name} did not answer within ${ANSWER_DEADLINE_MS / 1000} s`,
    remedy: `Read its log, ${logFile}`,
    httpStatus: 504,
  });
}

/** Error: PATH_TOO_LONG. */
export function checkSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return;
  throw new DharmaError({
    code: 'PATH_TOO_LONG',
    message: `the path of a unix socket can have ${LONGEST_SOCKET_PATH} bytes at most`,
    found: `${path} (${Buffer.byteLength(path)} bytes)`,
    remedy: 'Use a state folder with a shorter path.',
  });
}
