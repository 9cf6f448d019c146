// Closed-loop load from one Node process: each connection sends its next request when the answer is there.
// argv[2]: LoadOptions as JSON; prints a LoadResult as JSON.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { histogramIndex, histogramQuantile, type HistogramBucket } from '../common/frames/index.js';
import type { LoadOptions, LoadResult } from './load.js';

const options = JSON.parse(process.argv[2] ?? '') as LoadOptions;
const request = `GET ${options.path} HTTP/1.1\r\nHost: bench\r\n\r\n`;
const counts = new Map<number, number>();
let errors = 0;

/** Bytes of the answer at the start of `data`, undefined while it is not all there. Content-Length answers only. */
function answerSize(data: string): number | undefined {
  const head = data.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  const [, length = '0'] = /^content-length: *(\d+)/im.exec(data.slice(0, head)) ?? [];
  const size = head + 4 + Number(length);
  return data.length >= size ? size : undefined;
}

function drive(socket: Socket): void {
  let data = '';
  let sentAt = 0;
  const send = (): void => {
    sentAt = performance.now();
    socket.write(request);
  };
  // One byte a character, so that lengths are bytes.
  socket.setEncoding('latin1').setNoDelay(true);
  socket.on('data', (chunk: string) => {
    data += chunk;
    const size = answerSize(data);
    if (size === undefined) return;
    const index = histogramIndex((performance.now() - sentAt) * 1000);
    counts.set(index, (counts.get(index) ?? 0) + 1);
    if (!/^HTTP\/1\.1 [23]/.test(data)) errors += 1;
    data = data.slice(size);
    send();
  });
  socket.on('error', () => (errors += 1));
  send();
}

const sockets = Array.from({ length: options.connections }, () => {
  const socket = connect({ port: options.port, host: '127.0.0.1' }, () => drive(socket));
  return socket;
});
const started = performance.now();
setTimeout(() => {
  const buckets: HistogramBucket[] = [...counts].map(([index, count]) => ({ index, count }));
  const result: LoadResult = {
    requests: buckets.reduce((sum, { count }) => sum + count, 0),
    seconds: (performance.now() - started) / 1000,
    errors,
    p50: histogramQuantile(buckets, 0.5) ?? 0,
    p99: histogramQuantile(buckets, 0.99) ?? 0,
  };
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
  for (const socket of sockets) socket.destroy();
}, options.seconds * 1000);
