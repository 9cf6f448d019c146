import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, succeeds, which } from './command.mjs';
import { filesUnder, root, say, SetupError } from './root.mjs';

/** What the machine must have, each with Debian's package that brings it and how it is told. */
const NEEDS = [
  { what: 'a C compiler', package: 'gcc', group: 'native', has: () => Boolean(compiler()) },
  { what: "the C library's headers", package: 'libc6-dev', group: 'native', has: () => hasHeader('stdio.h') },
  { what: 'make', package: 'make', group: 'native', has: () => Boolean(which('make')) },
  headers('OpenSSL', 'openssl/ssl.h', 'libssl-dev'),
  headers('nghttp2', 'nghttp2/nghttp2.h', 'libnghttp2-dev'),
  {
    what: 'redis-server',
    package: 'redis-server',
    group: 'stores',
    has: () => Boolean(which('redis-server')),
  },
];

/** Headers are needed only while a source includes them. */
function headers(library, header, debianPackage) {
  const folder = header.split('/')[0];
  return {
    what: `the headers of ${library}`,
    package: debianPackage,
    group: 'native',
    has: () => !sourcesInclude(folder) || hasHeader(header),
  };
}

export const compiler = () => process.env.CC || ['cc', 'gcc', 'clang'].find((name) => which(name));

function hasHeader(header) {
  const cc = compiler();
  // Without a compiler nothing can be told; the missing compiler is told for itself.
  return !cc || succeeds(cc, ['-E', '-x', 'c', '-'], `#include <${header}>\n`);
}

function sourcesInclude(folder) {
  const pattern = new RegExp(`^\\s*#\\s*include\\s*<${folder}/`, 'm');
  return filesUnder(join(root, 'native', 'src'), (name) => /\.[ch]$/.test(name)).some((file) =>
    pattern.test(readFileSync(file, 'utf8')),
  );
}

/**
 * Sees to what the machine must have: installs it where that needs no question (an apt system, as root or with a sudo
 * that asks for no password), and otherwise throws a SetupError with the one line to type.
 * @param {('native' | 'stores')[]} groups
 * @param {{install?: boolean}} options `install: false` only tells.
 */
export function ensureSystem(groups, { install = true } = {}) {
  const missing = NEEDS.filter((need) => groups.includes(need.group) && !need.has());
  if (missing.length === 0) return;
  const names = missing.map((need) => need.what).join(', ');
  const packages = missing.map((need) => need.package);
  if (!which('apt-get'))
    throw new SetupError(`${names} missing. Install what Debian calls: ${packages.join(' ')}`);
  const become = install ? howToBecomeRoot() : undefined;
  if (!become) throw new SetupError(`${names} missing. Type: sudo apt-get install -y ${packages.join(' ')}`);
  say(`${names} missing: installing ${packages.join(' ')} with apt-get`);
  aptInstall(become, packages);
  const still = missing.filter((need) => !need.has());
  if (still.length > 0)
    throw new SetupError(`${still.map((need) => need.what).join(', ')} still missing after apt-get`);
}

/** The words before a command that make it root's; undefined where that would ask for a password. */
function howToBecomeRoot() {
  if (process.getuid() === 0) return [];
  return which('sudo') && succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined;
}

function aptInstall(become, packages) {
  const apt = (...args) => [...become, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args];
  const [command, ...args] = apt('install', '-y', '--no-install-recommends', ...packages);
  // Fresh machines have no package lists, long-lived ones old lists: both fail here, and an update cures both.
  if (succeeds(command, args)) return;
  const [updateCommand, ...updateArgs] = apt('update');
  must(updateCommand, updateArgs, { failure: 'apt-get update failed' });
  must(command, args, { failure: `cannot install ${packages.join(' ')}` });
}
