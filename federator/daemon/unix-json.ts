import { request } from 'node:http';
import { DharmaError, systemCode, type DharmaErrorJson } from '../../common/index.js';

export interface UnixJsonOptions {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

/**
 * One JSON request over a unix socket. Errors: the other side's DharmaError, or NOT_ANSWERING when nobody listens
 * there.
 */
export async function unixJson(socketPath: string, options: UnixJsonOptions): Promise<unknown> {
  const { status, text } = await exchange(socketPath, options);
  const value: unknown = text === '' ? undefined : JSON.parse(text);
  if (status < 400) return value;
  const error = (value as { error?: DharmaErrorJson } | undefined)?.error;
  if (error !== undefined) throw new DharmaError({ ...error, httpStatus: status });
  throw new Error(`${options.method} ${options.path} answered ${status}: ${text.slice(0, 200)}`);
}

function exchange(socketPath: string, options: UnixJsonOptions): Promise<{ status: number; text: string }> {
  const { method, path, body, signal } = options;
  const payload = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        socketPath,
        method,
        path,
        signal,
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('end', () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        );
        answer.once('error', reject);
      },
    );
    call.once('error', (error) =>
      reject(signal.aborted ? (signal.reason as Error) : notAnswering(socketPath, error)),
    );
    call.end(payload);
  });
}

function notAnswering(socketPath: string, error: Error): Error {
  if (!['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(systemCode(error) ?? '')) return error;
  return new DharmaError({
    code: 'NOT_ANSWERING',
    message: `nothing answers at ${socketPath}`,
    found: systemCode(error) ?? error.message,
    remedy: 'Look whether it runs: federate status',
    httpStatus: 503,
    cause: error,
  });
}
