import express from 'express';
import sanitize from 'sanitize-html';
import { MongoClient, ObjectId } from 'mongodb';

const client = await MongoClient.connect(process.env.MONGO_URL);
const comments = client.db().collection('comments');
await comments.createIndex({ post: 1, at: -1 });
const app = express();
app.use(express.json());
app.post('/comments', async (req, res) => {
  const doc = {
    _id: new ObjectId(),
    post: req.body.post,
    html: sanitize(req.body.html ?? ''),
    at: new Date(),
    likes: 0,
  };
  await comments.insertOne(doc);
  res.status(201).json({ id: doc._id, at: doc.at });
});
app.post('/comments/:id/like', async (req, res) => {
  const found = await comments.findOneAndUpdate(
    { _id: new ObjectId(req.params.id) },
    { $inc: { likes: 1 } },
    { returnDocument: 'after' },
  );
  res.json({ likes: found?.likes ?? null });
});
app.get('/posts/:post/count', async (req, res) =>
  res.json({ count: await comments.countDocuments({ post: req.params.post }) }),
);
app.listen(process.env.PORT);
