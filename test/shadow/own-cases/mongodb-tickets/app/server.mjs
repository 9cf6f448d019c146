import express from 'express';
import { MongoClient, ObjectId } from 'mongodb';

const client = await MongoClient.connect(process.env.MONGO_URL);
const db = client.db('helpdesk');
const tickets = db.collection('tickets');
await tickets.createIndex({ state: 1, createdAt: -1 });
const app = express();
app.use(express.json());
const guarded = (handler) => (req, res, next) => handler(req, res).catch(next);
const cursorOf = (ticket) =>
  Buffer.from(JSON.stringify({ id: ticket._id, at: ticket.createdAt })).toString('base64url');
app.post(
  '/tickets',
  guarded(async (req, res) => {
    const { seq } = (
      await db
        .collection('counters')
        .findOneAndUpdate(
          { _id: 'tickets' },
          { $inc: { seq: 1 } },
          { upsert: true, returnDocument: 'after', includeResultMetadata: true },
        )
    ).value;
    const ticket = {
      number: seq,
      title: req.body.title,
      by: req.body.by,
      state: 'open',
      notes: [],
      createdAt: new Date(),
    };
    const { insertedId } = await tickets.insertOne(ticket);
    res
      .status(201)
      .location('/tickets/' + insertedId)
      .json({ id: insertedId, number: seq });
  }),
);
app.get(
  '/tickets',
  guarded(async (req, res) => {
    const after = req.query.after && JSON.parse(Buffer.from(req.query.after, 'base64url').toString());
    const filter = after ? { _id: { $gt: new ObjectId(after.id) } } : {};
    const page = await tickets.find(filter).sort({ _id: 1 }).limit(2).toArray();
    res.json({ items: page, next: page.length === 2 ? cursorOf(page[1]) : null });
  }),
);
app.post(
  '/tickets/:id/notes',
  guarded(async (req, res) => {
    const note = { _id: new ObjectId(), text: req.body.text, at: new Date() };
    const result = await tickets.updateOne(
      { _id: new ObjectId(req.params.id) },
      { $push: { notes: note }, $set: { touched: new Date() } },
    );
    res.status(result.matchedCount ? 201 : 404).json({ note: note._id });
  }),
);
app.post(
  '/tickets/:id/close',
  guarded(async (req, res) => {
    const before = await tickets.findOneAndUpdate(
      { _id: new ObjectId(req.params.id), state: 'open' },
      { $set: { state: 'closed', closedAt: new Date() } },
    );
    if (before?.lastErrorObject?.updatedExisting === false || before === null)
      return res.status(409).json({ error: 'not open' });
    res.json({ title: before.title ?? before.value?.title, closed: true });
  }),
);
app.delete(
  '/tickets/:id',
  guarded(async (req, res) => {
    const gone = await tickets.findOneAndDelete({ _id: new ObjectId(req.params.id) });
    res.json(gone);
  }),
);
app.use((error, req, res, next) => {
  void next;
  res.status(400).json({ error: error.name, message: error.message });
});
app.listen(process.env.PORT);
