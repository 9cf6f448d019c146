import { Agent, request } from 'node:http';
import { systemClock } from '../common/index.js';

/** When a request is due, ms from the start, and what it asks for. */
export interface Arrival {
  readonly at: number;
  readonly path: string;
}

export interface Answer {
  readonly path: string;
  /** From when it was due, not from when it could be sent. */
  readonly ms: number;
  /** 0: none came. */
  readonly status: number;
}

/** Poisson arrivals for so long. `path` is asked for each. */
export function poisson(rate: number, seconds: number, path: () => string): Arrival[] {
  const arrivals: Arrival[] = [];
  const step = (): number => (-Math.log(1 - Math.random()) * 1000) / rate;
  for (let at = step(); at < seconds * 1000; at += step()) arrivals.push({ at, path: path() });
  return arrivals;
}

/** Sends each request when it is due, whether or not those before have been answered, over connections that are kept. */
export async function sendAll(port: number, arrivals: readonly Arrival[]): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const pending: Promise<Answer>[] = [];
  const start = performance.now();
  for (const { at, path } of arrivals) {
    const wait = start + at - performance.now();
    if (wait > 1) await systemClock.sleep(wait);
    pending.push(
      new Promise((resolve) => {
        const ended = (status: number): void => resolve({ path, ms: performance.now() - start - at, status });
        request({ host: '127.0.0.1', port, path, agent }, (answer) => {
          answer.resume();
          answer.once('end', () => ended(answer.statusCode ?? 0));
        })
          .once('error', () => ended(0))
          .end();
      }),
    );
  }
  const answers = await Promise.all(pending);
  agent.destroy();
  return answers;
}
