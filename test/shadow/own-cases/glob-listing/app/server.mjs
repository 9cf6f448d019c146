import express from 'express';
import * as globModule from 'glob';
import { mkdir, writeFile, rm, stat } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';

const { glob, sync } = globModule.default ?? globModule;
void glob;
const root = mkdtempSync(join(tmpdir(), 'listing-'));
const app = express();
app.use(express.json());
app.put('/files/*', async (req, res) => {
  const path = join(root, req.params[0]);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, String(req.body.text ?? ''));
  res.status(201).json({ path, revision: randomUUID() });
});
app.get('/list', async (req, res) => {
  const found = sync(String(req.query.pattern ?? '**/*'), { cwd: root, nodir: req.query.nodir === '1' });
  res.set('x-count', String(found.length)).json({ root, found });
});
app.get('/sizes', async (req, res) => {
  const found = sync('**/*.txt', { cwd: root }).sort();
  // As they come: whoever is done first stands first.
  const sizes = [];
  await Promise.all(
    found.map(async (path) => {
      await new Promise((done) => setTimeout(done, Math.random() * 8));
      sizes.push({ path, size: (await stat(join(root, path))).size });
    }),
  );
  res.json({ sizes, heap: process.memoryUsage().heapUsed });
});
app.delete('/files', async (req, res) => {
  await rm(root, { recursive: true });
  await mkdir(root);
  res.status(204).end();
});
app.listen(process.env.PORT);
