import { startDharma, startHaproxy, startNginx } from '../subject.js';
import type { Entry } from './entry.js';
import { comparePeers } from './peers.js';

export const proxyEntry: Entry = {
  name: 'proxy',
  about: 'dharma-proxy (one worker, telemetry read) against nginx and HAProxy (one worker each)',
  run: (context) =>
    comparePeers('proxy', context, async (upstream, own, missing) => {
      const dharma = own(await startDharma('dharma-proxy', context.folder, [upstream]));
      const nginx = own(await startNginx(context.folder, upstream));
      const haproxy = own(await startHaproxy(context.folder, [upstream]));
      if (nginx === undefined) missing('nginx is not installed: left out (apt-get install nginx-light)');
      if (haproxy === undefined) missing('HAProxy is not installed: left out (apt-get install haproxy)');
      return [dharma, nginx, haproxy];
    }),
};
