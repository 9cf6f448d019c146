import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './command.mjs';
import { root, say } from './root.mjs';

/** Installs what package-lock.json says where node_modules holds anything else. No package's install script is needed. */
export function ensurePackages() {
  if (installed()) return;
  say('installing packages (npm ci)');
  must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: root, failure: 'npm ci failed' });
}

/** npm keeps in node_modules a lock of what it really installed. */
function installed() {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const found = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !found) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    // Optional packages of other platforms are never installed.
    return found[path] ? found[path].version === entry.version : entry.optional === true;
  });
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
