import { join } from 'node:path';
import { startDharma, startNginx } from '../subject.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';
import { comparePeers } from './peers.js';

const KIBIBYTE = 1024;

/** Stored answers of so many bytes, each proxy with a cache of files of its own. */
async function compareAssets(name: string, bodyBytes: number, context: EntryContext): Promise<EntryResult> {
  const cacheOf = (subject: string): string => join(context.folder, `${subject}-assets`);
  return comparePeers(
    name,
    context,
    async (upstream, own, missing) => {
      const options = { assets: cacheOf('dharma') };
      const dharma = own(await startDharma('dharma-proxy', context.folder, [upstream], options));
      const nginx = own(await startNginx(context.folder, upstream, { assets: cacheOf('nginx') }));
      if (nginx === undefined) missing('nginx is not installed: left out (apt-get install nginx-light)');
      return [dharma, nginx];
    },
    { bodyBytes },
  );
}

export const assetsEntry: Entry = {
  name: 'assets',
  about: 'stored answers of 1 KiB from the cache, dharma-proxy against nginx proxy_cache',
  run: (context) => compareAssets('assets', KIBIBYTE, context),
};

export const largeAssetsEntry: Entry = {
  name: 'assets-large',
  about: 'stored answers of 100 KiB from the cache, dharma-proxy against nginx proxy_cache',
  run: (context) => compareAssets('assets-large', 100 * KIBIBYTE, context),
};
