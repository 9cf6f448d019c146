import { catalogue } from './catalogue-data.js';
import { hashPassword } from './passwords.js';

const CUSTOMERS = 40;
/** More than any demonstration sells. */
const STOCK = 1_000_000;

/**
 * Indexes, products and customers. Any number of nodes may run this at once and at every start: unique indexes stand
 * before the first document, and upserts set fields only where the document is new.
 */
export async function seed({ users, products, orders, uploads }) {
  await Promise.all([
    users.createIndex({ name: 1 }, { unique: true }),
    products.createIndex({ priceCents: 1, _id: 1 }),
    products.createIndex({ name: 1, _id: 1 }),
    orders.createIndex({ number: 1 }, { unique: true }),
    orders.createIndex({ userId: 1, createdAt: -1, _id: -1 }),
    uploads.createIndex({ userId: 1, createdAt: -1 }),
  ]);
  await products.bulkWrite(
    catalogue.map(({ sku, ...product }) => ({
      updateOne: {
        filter: { _id: sku },
        update: { $setOnInsert: { ...product, stock: STOCK } },
        upsert: true,
      },
    })),
    { ordered: false },
  );
  await seedCustomers(users);
}

async function seedCustomers(users) {
  const names = Array.from({ length: CUSTOMERS }, (_, i) => `user${String(i + 1).padStart(2, '0')}`);
  const known = await users.find({ name: { $in: names } }, { projection: { name: 1 } }).toArray();
  const missing = names.filter((name) => !known.some((user) => user.name === name));
  if (missing.length === 0) return;
  const documents = await Promise.all(
    missing.map(async (name) => ({
      name,
      email: `${name}@customers.example`,
      password: await hashPassword(`secret-of-${name}`),
      createdAt: new Date(),
    })),
  );
  try {
    await users.bulkWrite(
      documents.map(({ name, ...rest }) => ({
        updateOne: { filter: { name }, update: { $setOnInsert: rest }, upsert: true },
      })),
      { ordered: false },
    );
  } catch (error) {
    // Two nodes upserting one name at the same moment: the other one's customer stands, which is all we want.
    if (error.code !== 11000) throw error;
  }
}
