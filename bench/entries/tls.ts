import { startDharma, startNginx, which } from '../subject.js';
import { h2load, handshakes, makeCertificate } from '../tls-load.js';
import type { LoadGenerator } from '../load.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';
import { comparePeers } from './peers.js';

const MEBIBYTE = 1 << 20;

/** dharma-proxy against nginx, both by TLS with one certificate, one worker each, upstream in the clear. */
async function compareTls(
  name: string,
  context: EntryContext,
  program: string,
  load: LoadGenerator,
  bodyBytes?: number,
): Promise<EntryResult> {
  const needs = [program, 'openssl'].filter((needed) => which(needed) === undefined);
  if (needs.length > 0) {
    const notes = [`${needs.join(' and ')} missing: left out (apt-get install openssl nghttp2-client)`];
    return { entry: name, load: load.name, effort: context.effort, figures: [], ratios: [], notes };
  }
  const tls = await makeCertificate(context.folder);
  return comparePeers(
    name,
    context,
    async (upstream, own, missing) => {
      const dharma = own(await startDharma('dharma-proxy', context.folder, [upstream], { tls }));
      const nginx = own(await startNginx(context.folder, upstream, { tls }));
      if (nginx === undefined) missing('nginx is not installed: left out (apt-get install nginx-light)');
      return [dharma, nginx];
    },
    { load, ...(bodyBytes === undefined ? {} : { bodyBytes }) },
  );
}

export const handshakeEntry: Entry = {
  name: 'handshake',
  about: 'full TLS 1.3 handshakes (P-256), dharma-proxy against nginx',
  run: (context) => compareTls('handshake', context, 'openssl', handshakes),
};

export const tlsBytesEntry: Entry = {
  name: 'tls',
  about: 'answers of 1 MiB by TLS and HTTP/1.1, dharma-proxy against nginx: CPU per request is CPU per MiB',
  run: (context) =>
    compareTls('tls', context, 'h2load', h2load(context.folder, 'h2load --h1', '--h1'), MEBIBYTE),
};

export const h2Entry: Entry = {
  name: 'h2',
  about: 'HTTP/2 by TLS, ten streams a connection, dharma-proxy against nginx',
  run: (context) => compareTls('h2', context, 'h2load', h2load(context.folder, 'h2load -m 10', '-m10')),
};
