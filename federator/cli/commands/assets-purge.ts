import type { Command } from '../command.js';

export const assetsPurge: Command = {
  name: 'assets purge',
  summary: 'forget what the edge has stored of assets, by prefix',
  description:
    'A prefix that begins with "/" is compared with the path on any host, any other with the whole URL. What clients have in caches of their own is out of reach.',
  args: [{ syntax: 'prefix', about: 'as in /img/ or https://shop.example/app.js' }],
  examples: ['federate assets purge /img/', 'federate assets purge / --json'],
  run: async ({ client, printer, signal }, { args }) => {
    const prefix = args[0]!;
    const count = await (await client()).purgeAssets(prefix, signal);
    printer.done(`${count} stored ${count === 1 ? 'answer is' : 'answers are'} forgotten`);
    return { data: { prefix, count } };
  },
};
