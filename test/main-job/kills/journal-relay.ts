import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { deserialize } from 'bson';

/** When a kill comes: once the step is written down and not yet taken, or once it is taken and not yet noted. */
export type Moment = 'written' | 'taken';

interface Trap {
  readonly step: string;
  readonly moment: Moment;
  /** Resolves when the victim is dead. */
  readonly kill: () => Promise<void>;
  readonly sprung: () => void;
}

const OP_MSG = 2013;

/**
 * A relay on the way from the federator to its Mongo, which reads the journal's writes as they pass: that is where a
 * step begins and ends, so that a kill comes at that very point and not by luck, and the product knows nothing of it.
 */
export class JournalRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #trap: Trap | undefined;

  private constructor(readonly to: { readonly host: string; readonly port: number }) {
    this.#server = createServer((client) => this.#serve(client));
  }

  static async start(to: { host: string; port: number }): Promise<JournalRelay> {
    const relay = new JournalRelay(to);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Kills once, at that moment of that step. Resolves when it has. */
  trap(step: string, moment: Moment, kill: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => (this.#trap = { step, moment, kill, sprung: resolve }));
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(client: Socket): void {
    const server = connect(this.to);
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    let hold: ((answer: Buffer) => void) | undefined;
    server.on('data', (answer: Buffer) => (hold === undefined ? client.write(answer) : hold(answer)));
    let pending: Buffer = Buffer.alloc(0);
    let turn = Promise.resolve();
    client.on('data', (data: Buffer) => {
      pending = Buffer.concat([pending, data]);
      for (let length = frameLength(pending); length !== undefined; length = frameLength(pending)) {
        const frame = pending.subarray(0, length);
        pending = pending.subarray(length);
        turn = turn.then(() => this.#pass(frame, client, server, (held) => (hold = held)));
      }
    });
  }

  async #pass(
    frame: Buffer,
    client: Socket,
    server: Socket,
    setHold: (hold: ((answer: Buffer) => void) | undefined) => void,
  ): Promise<void> {
    const trap = this.#trap;
    const step = trap === undefined ? undefined : stepOf(frame);
    const state = trap?.moment === 'written' ? 'running' : 'done';
    if (trap === undefined || step?.name !== trap.step || step.state !== state) {
      server.write(frame);
      return;
    }
    this.#trap = undefined;
    if (trap.moment === 'taken') {
      await trap.kill();
      if (!client.destroyed) server.write(frame);
    } else {
      const answered = new Promise<Buffer>((resolve) => setHold(resolve));
      server.write(frame);
      const answer = await answered;
      await trap.kill();
      setHold(undefined);
      client.write(answer);
    }
    trap.sprung();
  }
}

function frameLength(data: Buffer): number | undefined {
  if (data.length < 4) return undefined;
  const length = data.readInt32LE(0);
  return data.length < length ? undefined : length;
}

/** The step that an update of the journal speaks of: the last of those it writes. */
function stepOf(frame: Buffer): { name: string; state: string } | undefined {
  if (frame.readInt32LE(12) !== OP_MSG) return undefined;
  const documents = sections(frame);
  if (documents[0]?.update !== 'operations') return undefined;
  const updates = [...((documents[0].updates as unknown[] | undefined) ?? []), ...documents.slice(1)];
  const steps = (updates[0] as { u?: { $set?: { steps?: { name: string; state: string }[] } } }).u?.$set
    ?.steps;
  return steps?.at(-1);
}

/** The documents of an OP_MSG: its body, then those of its sequences. */
function sections(frame: Buffer): Record<string, unknown>[] {
  const [body, rest]: Record<string, unknown>[][] = [[], []];
  for (let at = 20; at < frame.length;) {
    const kind = frame[at];
    const size = frame.readInt32LE(at + 1);
    const end = at + 1 + size;
    if (kind === 0) body!.push(deserialize(frame.subarray(at + 1, end)));
    else
      for (let from = frame.indexOf(0, at + 5) + 1; from < end; from += frame.readInt32LE(from))
        rest!.push(deserialize(frame.subarray(from, from + frame.readInt32LE(from))));
    at = end;
  }
  return [...body!, ...rest!];
}
