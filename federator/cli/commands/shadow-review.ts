import { once } from 'node:events';
import { DharmaError, ExitCode, messageOf, type ShadowReport } from '../../../common/index.js';
import type { Command } from '../command.js';
import { numberOption } from '../options.js';
import { reportNotReady } from '../show-shadow.js';

export const shadowReview: Command = {
  name: 'shadow review',
  summary: 'show the report in a browser, and accept differences there',
  description:
    'Serves the report as a page on 127.0.0.1 until Ctrl-C. Its address holds a key: whoever has it may accept differences. From another machine, forward the port with ssh -L.',
  options: [{ flags: '--port <n>', about: 'the port to listen on (default: a free one)' }],
  examples: ['federate shadow review', 'federate shadow review --port 9000'],
  run: async ({ client, json, printer, signal }, { options }) => {
    const port = numberOption(options, 'port', '--port', { least: 1, most: 65_535 });
    const api = await client();
    const report = async (): Promise<ShadowReport> => {
      const told = await api.shadow('current', signal);
      if (told.report !== null) return told.report;
      throw reportNotReady(told);
    };
    await report(); // What keeps it from being shown is told here, not in the browser.
    const { ReviewServer } = await import('../review/review-server.js');
    const server = await ReviewServer.listen(
      {
        report,
        accept: async (difference, reason) => void (await api.accept({ difference, reason }, signal)),
      },
      port,
    ).catch((error: unknown) => {
      throw new DharmaError({
        code: 'PORT_NOT_FREE',
        message: 'the page cannot be served there',
        found: messageOf(error),
        remedy: 'Name another port with --port, or none.',
        exitCode: ExitCode.usage,
        cause: error,
      });
    });
    try {
      printer.line(json ? JSON.stringify({ url: server.url }) : server.url);
      printer.note('Ctrl-C ends it.');
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      await server.close();
    }
    return { data: null, show: () => undefined };
  },
};
