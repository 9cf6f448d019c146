import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createApp } from './app.js';
import { readConfig } from './config.js';
import { seed } from './seed.js';
import { openStores } from './stores.js';

const DRAIN_MS = 10_000;

async function main() {
  const config = readConfig(process.env);
  await mkdir(config.uploadDir, { recursive: true, mode: 0o700 });
  const stores = await openStores(config);
  await seed(stores);

  const server = createServer(createApp({ config, stores }));
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
  console.log(`shop listening on http://${config.host}:${server.address().port}`);

  const stop = () => {
    server.close(() => stores.close().then(() => process.exit(0), fail));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function fail(error) {
  console.error(`shop: ${error.message}`);
  process.exit(1);
}

main().catch(fail);
