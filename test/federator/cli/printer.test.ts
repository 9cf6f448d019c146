import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { Printer, spinnerFor } from '../../../federator/cli/printer.js';

/** What a spinner asks of a terminal. */
function terminal(columns: number) {
  const moved = (): boolean => true;
  return Object.assign(new PassThrough(), {
    isTTY: true,
    columns,
    clearLine: moved,
    cursorTo: moved,
    moveCursor: moved,
  });
}

it.each([
  ['a terminal', terminal(80), true],
  ['a terminal without a width', terminal(0), false],
  ['a pipe', new PassThrough(), false],
])('tells on %s what is being done', async (_, err, spins) => {
  const streams = { out: new PassThrough(), err };
  const spin = await spinnerFor(streams);
  expect(spin !== undefined).toBe(spins);
  const printer = new Printer(streams, { NO_COLOR: '1' }, spin);
  printer.doing('counting');
  printer.doing('counting on');
  printer.note('three');
  printer.done('counted');
  const told = String(err.read());
  for (const text of ['counting', 'three', 'counted']) expect(told).toContain(text);
});
