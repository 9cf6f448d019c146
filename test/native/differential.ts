import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** A request as a server understood it: what two readers of the same bytes must agree on. */
export interface Seen {
  readonly method: string;
  /** Without scheme and authority. */
  readonly target: string;
  readonly length: number;
  readonly digest: string;
  /** Fields named x-*, and what else goes through a proxy unchanged. */
  readonly fields: readonly string[];
}

/** What a server made of one connection: the requests it understood, and the status that refused the next one. */
export interface Verdict {
  readonly seen: readonly Seen[];
  readonly refused: number | undefined;
}

const CARRIED = /^(x-a|cookie$|content-type$|accept$|te-x$)/;

function fieldsOf({ rawHeaders, headers }: IncomingMessage): string[] {
  const lines: string[] = [];
  // What the client wants to stay on this hop.
  const nominated = (headers.connection ?? '').toLowerCase().split(/[,\s]+/);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (CARRIED.test(name) && !nominated.includes(name)) lines.push(`${name}: ${rawHeaders[i + 1]!}`);
  }
  return lines.sort();
}

export interface Witness {
  readonly port: number;
  /** Why it refused, as Node's parser says it, by the port its client had. */
  readonly errors: Map<number, string>;
  /** What it understood, by the port its client had. */
  readonly seen: Map<number, Seen[]>;
  readonly stop: () => void;
}

/** A server of Node's own parser that answers each request with what it understood, in a field, and keeps it. */
export async function startWitness(timeout: number): Promise<Witness> {
  const errors = new Map<number, string>();
  const seenBy = new Map<number, Seen[]>();
  const limits = { headersTimeout: timeout, requestTimeout: timeout, connectionsCheckingInterval: 20 };
  const server = createServer({ ...limits, keepAliveTimeout: 60_000 }, (request, response) => {
    const body: Buffer[] = [];
    const { remotePort = 0 } = request.socket;
    request.on('error', () => undefined);
    request.on('data', (d: Buffer) => body.push(d));
    request.on('end', () => {
      const bytes = Buffer.concat(body);
      const seen: Seen = {
        method: request.method!,
        target: request.url!.replace(/^https?:\/\/[^/?]*/i, '') || '/',
        length: bytes.length,
        digest: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
        fields: fieldsOf(request),
      };
      seenBy.set(remotePort, [...(seenBy.get(remotePort) ?? []), seen]);
      response.setHeader('x-seen', Buffer.from(JSON.stringify(seen)).toString('base64'));
      response.setHeader('content-length', 0);
      response.end();
    });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code !== 'ECONNRESET')
      errors.set(
        (socket as Socket).remotePort ?? 0,
        `${error.code} ${(error as { reason?: string }).reason ?? ''}`,
      );
    const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
    if (socket.writable) socket.end(`HTTP/1.1 ${status} x\r\nConnection: close\r\n\r\n`);
    else socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, errors, seen: seenBy, stop };
}

/** Sends the bytes on one connection and reads the answers until it closes. */
export async function verdictOf(port: number, bytes: Buffer): Promise<Verdict & { from: number }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let from = 0;
  socket.on('connect', () => (from = socket.localPort ?? 0));
  socket.on('data', (d: Buffer) => (text += d.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise((done) => socket.once('close', done));
  socket.write(bytes);
  await closed;
  const seen: Seen[] = [];
  let refused: number | undefined;
  for (const head of text.split(/(?=HTTP\/1\.1 \d{3})/)) {
    const told = /\r\nx-seen: (\S+)\r\n/i.exec(head)?.[1];
    const status = Number(head.slice(9, 12));
    if (told !== undefined) seen.push(JSON.parse(Buffer.from(told, 'base64').toString()) as Seen);
    else if (status >= 300) refused ??= status;
  }
  return { seen, refused, from };
}
