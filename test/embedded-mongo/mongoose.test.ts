import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMongo, type TestMongo } from './harness.js';

let mongo: TestMongo;
let connection: mongoose.Connection;
beforeAll(async () => {
  mongo = await startTestMongo();
  connection = mongoose.createConnection(`${mongo.uri}/mongoose`);
  await connection.asPromise();
});
afterAll(async () => {
  await connection.close();
  await mongo.close();
});

describe('mongoose', () => {
  it('defines, saves, populates, updates and aggregates', async () => {
    const Author = connection.model('Author', new mongoose.Schema({ name: { type: String, unique: true } }));
    const Book = connection.model(
      'Book',
      new mongoose.Schema(
        {
          title: { type: String, required: true, index: true },
          author: { type: mongoose.Schema.Types.ObjectId, ref: 'Author' },
          prices: [{ shop: String, cents: Number }],
        },
        { timestamps: true },
      ),
    );
    await Promise.all([Author.init(), Book.init()]);
    const author = await Author.create({ name: 'Ada' });
    await expect(Author.create({ name: 'Ada' })).rejects.toMatchObject({ code: 11000 });
    const book = await Book.create({
      title: 'Notes',
      author: author._id,
      prices: [{ shop: 'x', cents: 100 }],
    });
    book.prices.push({ shop: 'y', cents: 90 });
    book.prices[0]!.cents = 95;
    await book.save();
    const found = await Book.findOne({ 'prices.cents': { $lt: 92 } }).populate<{ author: { name: string } }>(
      'author',
    );
    expect(found?.author.name).toBe('Ada');
    expect(found?.prices.map(({ cents }) => cents)).toEqual([95, 90]);
    const updated = await Book.findByIdAndUpdate(
      book._id,
      { $set: { 'prices.$[p].cents': 1 } },
      { arrayFilters: [{ 'p.shop': 'y' }], returnDocument: 'after' },
    );
    expect(updated?.prices[1]?.cents).toBe(1);
    expect(updated!.updatedAt.getTime()).toBeGreaterThanOrEqual(book.createdAt.getTime());
    expect(
      await Book.aggregate([
        { $unwind: '$prices' },
        { $group: { _id: null, sum: { $sum: '$prices.cents' } } },
      ]),
    ).toEqual([{ _id: null, sum: 96 }]);
    const titles: string[] = [];
    for await (const { title } of Book.find().sort({ title: 1 }).lean().cursor()) titles.push(title);
    expect(titles).toEqual(['Notes']);
    expect(await Book.deleteMany({})).toMatchObject({ deletedCount: 1 });
  });
});
