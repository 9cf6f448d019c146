import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ProxyControl } from '../../../common/index.js';
import { FrameDecoder, encodeFrame, type Frame } from '../../../common/frames/index.js';
import { log, soon, temporaryFolder } from './support.js';

const HELLO = { kind: 'Hello', pid: 1, version: 'x', workers: 1, generation: 0 } as const;
const CONFIG = { listen: [], nodes: [] };

/** The proxy's side of the control socket: says hello, and what `onFrame` makes of every frame. */
async function startSide(onFrame: (frame: Frame, socket: Socket) => void) {
  const path = join(await temporaryFolder(), 'c.sock');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const decoder = new FrameDecoder();
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      for (const frame of decoder.push(chunk)) onFrame(frame, socket);
    });
    socket.write(encodeFrame(HELLO));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { path, sockets };
}

function connect(path: string, frames: Frame[] = []): ProxyControl {
  const subscribe = { telemetry: true, exchanges: false };
  const control = new ProxyControl({ path, subscribe, onFrame: (frame) => frames.push(frame), log });
  onTestFinished(() => control.close());
  return control;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the control connection of a proxy', () => {
  it('waits for a proxy that is not there yet, subscribes, and gets answers by generation', async () => {
    const seen: Frame[] = [];
    const side = await startSide((frame, socket) => {
      seen.push(frame);
      if (frame.kind !== 'Config') return;
      // An answer to another generation comes first, and is not ours.
      for (const generation of [frame.generation + 1, frame.generation])
        socket.write(
          encodeFrame({ kind: 'ConfigAck', generation, ok: true, path: '', message: String(generation) }),
        );
    });
    const control = connect(side.path);
    expect((await control.connected(soon())).pid).toBe(1);
    expect((await control.configure(7, CONFIG, soon())).message).toBe('7');
    expect(seen[0]).toMatchObject({ kind: 'Subscribe', telemetry: true, exchanges: false });
  });

  it('connects again when it is cut off or the other side talks nonsense, and gives up what was asked', async () => {
    const side = await startSide((frame, socket) => {
      if (frame.kind === 'Config') socket.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    const frames: Frame[] = [];
    const control = connect(side.path, frames);
    await control.connected(soon());
    await expect(control.configure(1, CONFIG, soon())).rejects.toMatchObject({ code: 'PROXY_CONTROL_LOST' });
    await until(() => side.sockets.length === 2 && control.hello !== undefined);
    side.sockets[1]!.destroy();
    await until(() => side.sockets.length === 3 && control.hello !== undefined);
    expect(frames.filter(({ kind }) => kind === 'Hello')).toHaveLength(3);
  });

  it('gives up waiting when it is told to', async () => {
    const silent = await startSide(() => undefined);
    const control = connect(silent.path);
    await control.connected(soon());
    const giveUp = new AbortController();
    const asked = control.configure(1, CONFIG, giveUp.signal);
    giveUp.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    const nowhere = connect(join(await temporaryFolder(), 'none.sock'));
    await expect(nowhere.connected(AbortSignal.timeout(50))).rejects.toThrow();
    await expect(nowhere.configure(1, CONFIG, soon())).rejects.toMatchObject({ code: 'PROXY_CONTROL_LOST' });
  });
});
