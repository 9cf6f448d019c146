import { compare, underLoad } from '../compare.js';
import type { LoadGenerator } from '../load.js';
import type { Subject } from '../subject.js';
import { startBackend } from '../subject.js';
import type { EntryContext, EntryResult } from './entry.js';

/** Bytes of the backend's answer: a small JSON document's worth, so that it is the proxy's work that counts. */
const BODY_BYTES = 128;

/** Where a comparison differs from the usual one. */
export interface PeerOptions {
  readonly load?: LoadGenerator;
  readonly bodyBytes?: number;
}

/** Starts what is to be compared, one by one, and says to `missing` what cannot be. Whatever it starts it hands to `own`. */
type Starter = (
  upstream: number,
  own: <T extends Subject | undefined>(subject: T) => T,
  missing: (note: string) => void,
) => Promise<readonly (Subject | undefined)[]>;

/** A comparison of proxies in front of one backend. Everything is stopped at the end, whatever happens. */
export async function comparePeers(
  entry: string,
  context: EntryContext,
  start: Starter,
  { load = context.load, bodyBytes = BODY_BYTES }: PeerOptions = {},
): Promise<EntryResult> {
  const running: Subject[] = [];
  const notes: string[] = [];
  const own = <T extends Subject | undefined>(subject: T): T => {
    if (subject !== undefined) running.push(subject);
    return subject;
  };
  try {
    const backend = own(await startBackend(context.folder, bodyBytes));
    const found = await start(backend.port, own, (note) => notes.push(note));
    const subjects = found.filter((subject) => subject !== undefined);
    const { rounds, connections } = context.effort;
    const contenders = subjects.map((subject) => underLoad(subject, load, connections));
    const comparison = await compare(contenders, context.effort, (done) =>
      context.say(`${entry}: round ${done} of ${rounds}`),
    );
    return { entry, load: load.name, effort: context.effort, notes, ...comparison };
  } finally {
    for (const subject of running.reverse()) await subject.stop();
  }
}
