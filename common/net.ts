import { createServer, connect } from 'node:net';
import { systemClock } from './clock.js';
import { throwIfAborted } from './errors.js';

/** A TCP port of `host` that was free a moment ago. Whoever binds it must still handle EADDRINUSE. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => {
        if (address && typeof address === 'object') resolve(address.port);
        else reject(new Error('no address after listen'));
      });
    });
  });
}

export type SocketTarget = { readonly host: string; readonly port: number } | { readonly path: string };

/** Whether something accepts connections at `target` right now. */
export async function accepts(target: SocketTarget, timeoutMs = 1000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(target);
    const done = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/** Waits until `target` accepts; rejects with the signal's reason when that aborts first. */
export async function waitForAccept(target: SocketTarget, signal: AbortSignal): Promise<void> {
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 250)) {
    throwIfAborted(signal);
    if (await accepts(target)) return;
    await systemClock.sleep(pauseMs, signal);
  }
}
