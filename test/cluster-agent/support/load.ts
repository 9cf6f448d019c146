import { Pool } from 'undici';

export interface LoadResult {
  /** Answers by status and body, `200 v1` → count. */
  readonly answers: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

/** Requests over kept connections, a few at a time, until `stop()`. */
export function startLoad(
  url: string,
  path = '/',
  concurrency = 4,
): { stop(): Promise<LoadResult>; count(): number } {
  const pool = new Pool(url, { connections: concurrency, pipelining: 1 });
  const answers = new Map<string, number>();
  const failures: string[] = [];
  let stopped = false;
  let count = 0;
  const line = async (): Promise<void> => {
    while (!stopped) {
      try {
        const { statusCode, body } = await pool.request({ method: 'GET', path });
        const key = `${statusCode} ${await body.text()}`;
        answers.set(key, (answers.get(key) ?? 0) + 1);
      } catch (error) {
        failures.push(String(error));
        await new Promise((resolve) => setTimeout(resolve, 10)); // So that a dead upstream does not spin.
      }
      count += 1;
    }
  };
  const lines = Promise.all(Array.from({ length: concurrency }, line));
  return {
    count: () => count,
    stop: async () => {
      stopped = true;
      await lines;
      if (!pool.closed) await pool.close(); // Also called by whoever ends a test that failed.
      return { answers, failures };
    },
  };
}

/** Waits until the load has had `more` answers from now on: what is in force now has been seen to work. */
export async function answered(load: { count(): number }, more: number): Promise<void> {
  const wanted = load.count() + more;
  while (load.count() < wanted) await new Promise((resolve) => setTimeout(resolve, 5));
}
