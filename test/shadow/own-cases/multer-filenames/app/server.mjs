import express from 'express';
import multer from 'multer';
import { mkdirSync } from 'node:fs';
import { readdir, readFile, appendFile } from 'node:fs/promises';
import { basename } from 'node:path';

mkdirSync('uploads', { recursive: true });
const app = express();
const upload = multer({ dest: 'uploads/', limits: { fileSize: 200 } });
const known = new Map();
app.post('/upload', upload.array('file'), async (req, res) => {
  for (const file of req.files) {
    known.set(file.filename, file);
    await appendFile(
      'uploads.log',
      JSON.stringify({ name: file.originalname, type: file.mimetype, size: file.size }) + '\n',
    );
  }
  res.status(201).json({ note: req.body.note ?? null, ids: req.files.map((file) => file.filename) });
});
app.get('/uploads/:id', async (req, res) => {
  const file = known.get(req.params.id);
  if (!file) return res.status(404).json({ error: 'no such upload' });
  res
    .type(file.mimetype)
    .set('x-path', file.path)
    .send(await readFile(file.path));
});
app.get('/uploads', async (req, res) =>
  res.json({
    count: (await readdir('uploads')).length,
    names: (await readdir('uploads')).map((name) => basename(name)),
  }),
);
app.use((error, req, res, next) => {
  void next;
  res.status(400).json({ code: error.code ?? 'OTHER' });
});
app.listen(process.env.PORT);
