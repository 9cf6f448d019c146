import { join } from 'node:path';
import { createReleaseStore } from '../../../cluster-agent/index.js';
import type { Release } from '../../../common/index.js';
import { writeFiles } from './folders.js';

/** An app of plain node:http whose handler is the text given: `(request, response) => …`. */
export function httpApp(handler: string): string {
  return `const http = require('node:http');
const server = http.createServer(${handler});
server.keepAliveTimeout = 60_000;
server.listen(process.env.PORT, process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;
}

/** A release of an app that is just `server.js` and a manifest, in `<root>/releases`. */
export async function releaseOf(
  root: string,
  source: string,
  manifest: Readonly<Record<string, unknown>> = {},
): Promise<Release> {
  const app = join(root, `app-${Math.random().toString(36).slice(2)}`);
  await writeFiles(app, {
    'server.js': source,
    'package.json': { name: 'tiny', main: 'server.js' },
    'dharma.json': { name: 'tiny', ...manifest },
  });
  const store = createReleaseStore({ dir: join(root, 'releases') });
  return store.create(app, { signal: new AbortController().signal });
}
