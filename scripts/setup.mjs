/** Everything between a fresh clone and a running dharma. Cheap to call again: what stands is left as it is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureNative } from './native.mjs';
import { ensurePackages } from './packages.mjs';
import { root, run, SetupError } from './root.mjs';
import { ensureSystem } from './system.mjs';
import { ensureTypeScript } from './typescript.mjs';

/** Throws a SetupError where this machine cannot run dharma at all. */
export function checkMachine(platform = process.platform, version = process.versions.node) {
  if (platform !== 'linux')
    throw new SetupError(`dharma runs on Linux; this is ${platform}. Use a Linux machine.`);
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const least = engines.node.replace('>=', '');
  if (isOlder(version, least)) {
    throw new SetupError(
      `dharma needs Node.js ${least} or newer; this is ${version}. Install it from https://nodejs.org`,
    );
  }
}

function isOlder(version, least) {
  const [a, b] = [version, least].map((text) => text.split('.').map(Number));
  const differs = b.findIndex((part, index) => part !== a[index]);
  return differs !== -1 && a[differs] < b[differs];
}

export async function setUp() {
  checkMachine();
  ensureSystem(['native', 'stores']);
  ensurePackages();
  ensureNative();
  ensureTypeScript();
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) run(setUp);
