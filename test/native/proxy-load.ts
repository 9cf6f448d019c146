import { Agent, request as httpRequest } from 'node:http';

/** Requests from some keep-alive clients until stopped; counts what was not a 200. */
export function load(
  port: number,
  clients: number,
): { stop: () => Promise<{ done: number; failed: string[] }> } {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const failed: string[] = [];
  let done = 0;
  let running = true;
  const one = (): Promise<void> =>
    new Promise((next) => {
      const request = httpRequest({ port, host: '127.0.0.1', path: `/${done}`, agent }, (response) => {
        if (response.statusCode !== 200) failed.push(String(response.statusCode));
        response.resume();
        response.on('end', next);
        response.on('error', (error) => {
          failed.push(error.message);
          next();
        });
      });
      request.on('error', (error) => {
        failed.push(error.message);
        next();
      });
      request.end();
    });
  const clientLoop = async (): Promise<void> => {
    while (running) {
      await one();
      done++;
    }
  };
  const all = Promise.all(Array.from({ length: clients }, clientLoop));
  return {
    stop: async () => {
      running = false;
      await all;
      agent.destroy();
      return { done, failed };
    },
  };
}
