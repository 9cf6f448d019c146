import type { Socket } from 'node:net';
import { dispatch } from './dispatch.js';
import type { Engine } from './engine.js';
import { MessageSplitter, ProtocolError, encodeReply, parseRequest } from './wire/message.js';

/**
 * Serves one client until it goes. Requests are answered in the order they came. What is not the protocol ends the
 * connection, as mongod does; a bug in a command is passed to `onBug`, which ends the process.
 */
export async function serveConnection(
  socket: Socket,
  engine: Engine,
  connectionId: number,
  onBug: (error: unknown) => void,
): Promise<void> {
  const splitter = new MessageSplitter();
  let replyId = 0;
  socket.setNoDelay(true);
  // A client that went away shows as the end of the stream; nothing else is to be done about it.
  socket.on('error', () => undefined);
  try {
    for await (const chunk of socket) {
      splitter.push(chunk as Buffer);
      for (let message = splitter.next(); message !== undefined; message = splitter.next()) {
        const request = parseRequest(message);
        const reply = await dispatch(engine, connectionId, request);
        if (request.moreToCome) continue;
        if (!socket.write(encodeReply(request, reply, ++replyId))) await drained(socket);
      }
    }
  } catch (error) {
    if (!isConnectionEnd(error)) onBug(error);
  } finally {
    socket.destroy();
  }
}

/** Waits until a slow reader has taken what was written, so that replies do not pile up in memory. */
async function drained(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}

function isConnectionEnd(error: unknown): boolean {
  if (error instanceof ProtocolError) return true;
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE';
}
