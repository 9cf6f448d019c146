import express from 'express';
import mongoose from 'mongoose';

await mongoose.connect(process.env.MONGO_URL);
const schema = new mongoose.Schema(
  { title: { type: String, required: true }, owner: String, tags: [String], price: Number },
  { timestamps: true },
);
const Note = mongoose.model('Note', schema);
await Note.init();
const app = express();
app.use(express.json());
const guarded = (handler) => (req, res, next) => handler(req, res).catch(next);
app.post(
  '/notes',
  guarded(async (req, res) => res.status(201).json(await Note.create(req.body))),
);
app.get(
  '/notes/:id',
  guarded(async (req, res) => {
    const note = await Note.findById(req.params.id);
    if (!note) return res.status(404).json({ error: 'no such note' });
    res.json(note);
  }),
);
app.patch(
  '/notes/:id',
  guarded(async (req, res) => res.json(await Note.findByIdAndUpdate(req.params.id, req.body, { new: true }))),
);
// Which fields may be purged by is the client's affair: what the schema does not know is the point here.
app.post(
  '/purge',
  guarded(async (req, res) => {
    await Note.deleteMany(req.body);
    res.status(204).end();
  }),
);
app.get(
  '/count',
  guarded(async (req, res) => res.json({ count: await Note.countDocuments({}), at: Date.now() })),
);
app.use((error, req, res, next) => {
  void next;
  res
    .status(error.name === 'ValidationError' || error.name === 'CastError' ? 400 : 500)
    .json({ error: error.name });
});
app.listen(process.env.PORT);
