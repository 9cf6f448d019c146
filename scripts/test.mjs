/**
 * `npm test`: set-up, the native unit tests, then vitest. What follows `--` is vitest's; where it names anything, the
 * native tests are left out. The last line counts everything that ran.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run, say } from './root.mjs';
import { setUp } from './setup.mjs';

run(async () => {
  await setUp();
  const args = process.argv.slice(2);
  const results = args.length === 0 ? [await nativeTests()] : [];
  results.push(await vitest(args));
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  if (sum('failed') > 0 || sum('passed') === 0) process.exitCode = 1;
});

/** Each native test program ends with a line `N passed, N failed`. */
async function nativeTests() {
  say('native unit tests (make test)');
  const { code, output } = await show('make', ['-C', join(root, 'native'), '--no-print-directory', 'test'], {
    keep: true,
  });
  const lines = [...output.matchAll(/\b(\d+) passed, (\d+) failed\b/g)];
  const count = (group) => lines.reduce((total, line) => total + Number(line[group]), 0);
  return { passed: count(1), failed: atLeastOne(count(2), code) };
}

async function vitest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'dharma-test-'));
  try {
    const report = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const program = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const { code } = await show(process.execPath, [program, 'run', ...reporters, ...args]);
    return { passed: 0, failed: atLeastOne(0, code), ...countsOf(report, code) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countsOf(report, code) {
  let found;
  try {
    found = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    // vitest ended before it could report; its exit code says so.
    return {};
  }
  const broken = found.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return { passed: found.numPassedTests, failed: atLeastOne(found.numFailedTests + broken.length, code) };
}

/** What ends badly without a failed test to its name has failed too. */
const atLeastOne = (failed, code) => (code !== 0 && failed === 0 ? 1 : failed);

/** Runs a command, showing what it prints; `keep` gives it back as well, at the cost of its terminal. */
function show(command, args, { keep = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', keep ? 'pipe' : 'inherit', 'inherit'],
    });
    const chunks = [];
    child.stdout?.on('data', (chunk) => {
      chunks.push(chunk);
      process.stdout.write(chunk);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
}
