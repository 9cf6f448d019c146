/** The protocol of Redis (RESP2) for many commands at once: as bytes, and replies from bytes as they come. */

/** Texts are ASCII; anything else is given as bytes. */
export type RespArgument = string | number | Buffer;

/** A reply. Bulk strings are views into what was read. What the server refuses is an Error among the others. */
export type RespReply = string | number | Buffer | null | Error | readonly RespReply[];

/** Up to here, bytes are put down with the text around them: a buffer for each key would cost more than the key. */
const SHORT = 256;

/** Commands as they are sent, in pieces: long arguments are not copied. */
export function encodeCommands(commands: readonly (readonly RespArgument[])[]): readonly Buffer[] {
  const parts: Buffer[] = [];
  let text = '';
  for (const command of commands) {
    text += `*${command.length}\r\n`;
    for (const argument of command) {
      if (typeof argument === 'object' && argument.length > SHORT) {
        parts.push(Buffer.from(`${text}$${argument.length}\r\n`, 'latin1'), argument);
        text = '\r\n';
      } else {
        const short = typeof argument === 'object' ? argument.toString('latin1') : String(argument);
        text += `$${short.length}\r\n${short}\r\n`;
      }
    }
  }
  parts.push(Buffer.from(text, 'latin1'));
  return parts;
}

const CR = 13;

/** A list of which not all items are there. */
interface OpenList {
  readonly items: RespReply[];
  readonly length: number;
}

/** Reads replies from chunks, however they are cut. What is read is not read again for the next chunk. */
export class RespReader {
  readonly #open: OpenList[] = [];
  #chunks: Buffer[] = [];
  #length = 0;
  /** With fewer bytes there is nothing to be read: a large value is put together once, not for each of its chunks. */
  #needed = 1;

  /** Replies that are whole now. Throws on what is no reply. */
  read(chunk: Buffer): RespReply[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return [];
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    const replies: RespReply[] = [];
    let at = 0;
    this.#needed = 1;
    while (at < bytes.length) {
      const next = this.#element(bytes, at, replies);
      if (next === undefined) break;
      at = next;
    }
    const rest = bytes.subarray(at);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return replies;
  }

  /** Reads one value or the head of a list, and says where the next one begins; undefined: it is not all there. */
  #element(bytes: Buffer, at: number, replies: RespReply[]): number | undefined {
    const end = bytes.indexOf(CR, at);
    if (end < 0 || end + 1 >= bytes.length) {
      this.#needed = bytes.length - at + 1;
      return undefined;
    }
    const line = bytes.toString('latin1', at + 1, end);
    const kind = String.fromCharCode(bytes[at]!);
    const length = Number(line);
    if (kind === '$' && length >= 0) {
      const after = end + 2 + length + 2;
      if (after > bytes.length) {
        this.#needed = after - at;
        return undefined;
      }
      this.#add(bytes.subarray(end + 2, end + 2 + length), replies);
      return after;
    }
    if (kind === '*' && length > 0) this.#open.push({ items: [], length });
    else this.#add(simpleReply(kind, line), replies);
    return end + 2;
  }

  #add(value: RespReply, replies: RespReply[]): void {
    let done = value;
    for (let list = this.#open.at(-1); list !== undefined; list = this.#open.at(-1)) {
      list.items.push(done);
      if (list.items.length < list.length) return;
      done = list.items;
      this.#open.pop();
    }
    replies.push(done);
  }
}

/** A reply of one line. */
function simpleReply(kind: string, line: string): RespReply {
  if (kind === '+') return line;
  if (kind === '-') return new Error(line);
  if (kind === ':') return Number(line);
  if (kind === '$') return null;
  if (kind === '*') return line === '0' ? [] : null;
  throw new Error(`no reply of Redis: ${`${kind}${line}`.slice(0, 40)}`);
}
