// Writes both codecs and the C vector test from frames.json and vectors.json.
//   node native/schema/generate.mjs           writes what has changed
//   node native/schema/generate.mjs --check   changes nothing; exit 1 and the names when a file is out of date
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cHeader, cSource } from './generator/c.mjs';
import { cVectorTest } from './generator/c-vectors.mjs';
import { loadSchema } from './generator/schema.mjs';
import { typescriptSource } from './generator/typescript.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const schema = loadSchema(join(here, 'frames.json'));
const vectors = JSON.parse(readFileSync(join(here, 'vectors.json'), 'utf8'));

const outputs = {
  'native/src/frames.h': cHeader(schema),
  'native/src/frames.c': cSource(schema),
  'native/test/frames/vectors.c': cVectorTest(schema, vectors),
  'common/frames/messages.ts': typescriptSource(schema),
};

function current(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const check = process.argv.includes('--check');
const stale = Object.entries(outputs).filter(([name, text]) => current(join(root, name)) !== text);
for (const [name, text] of stale) {
  process.stdout.write(`${check ? 'out of date' : 'wrote'}: ${name}\n`);
  if (check) continue;
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}
if (check && stale.length > 0) process.exitCode = 1;
