import express from 'express';
import { marked } from 'marked';
import { randomUUID } from 'node:crypto';

const notes = new Map();
const app = express();
app.use(express.text({ type: 'text/markdown' }));
app.post('/notes', (req, res) => {
  const id = randomUUID();
  notes.set(id, { text: req.body, at: new Date() });
  res
    .status(201)
    .location('/notes/' + id)
    .json({ id });
});
app.get('/notes/:id', (req, res) => {
  const note = notes.get(req.params.id);
  if (!note) return res.status(404).send('<p>No such note</p>');
  res.send(
    '<!doctype html><html><body><article id="n-' +
      req.params.id +
      '">' +
      marked.parse(note.text) +
      '</article><time>' +
      note.at.toISOString() +
      '</time></body></html>',
  );
});
app.listen(process.env.PORT);
