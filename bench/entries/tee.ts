import { connect } from 'node:net';
import { encodeFrame } from '../../common/frames/index.js';
import { startDharma, type Subject } from '../subject.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';
import { comparePeers } from './peers.js';

/** A subscriber to exchanges, in `reads` one that takes all it can get, else one that has stopped. Undone with the subject. */
function subscribed(subject: Subject, controlPath: string, reads: boolean): Subject {
  const socket = connect(controlPath);
  socket.write(encodeFrame({ kind: 'Subscribe', telemetry: false, exchanges: true }));
  if (reads) socket.resume();
  else socket.pause();
  return {
    ...subject,
    stop: async () => {
      socket.destroy();
      await subject.stop();
    },
  };
}

async function compareTee(entry: string, reads: boolean, context: EntryContext): Promise<EntryResult> {
  return comparePeers(entry, context, async (upstream, own) => {
    const name = reads ? 'tee on' : 'tee on, reader stopped';
    const dharma = await startDharma(name, context.folder, [upstream], { capture: true });
    const on = own(subscribed(dharma, dharma.controlPath, reads));
    const off = own(await startDharma('tee off', context.folder, [upstream]));
    return [on, off];
  });
}

export const teeEntry: Entry = {
  name: 'tee',
  about: 'dharma-proxy with every exchange copied to a reader against none copied',
  run: (context) => compareTee('tee', true, context),
};

export const teeStoppedEntry: Entry = {
  name: 'tee-stopped',
  about: 'the same with a reader that does not read',
  run: (context) => compareTee('tee-stopped', false, context),
};
