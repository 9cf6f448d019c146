import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';

/** Opens MongoDB (the database is the one the URL names) and Redis. Rejects when either is not there. */
export async function openStores({ mongoUrl, redisUrl }) {
  const mongo = new MongoClient(mongoUrl, { serverSelectionTimeoutMS: 5000 });
  const redis = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 3 });
  redis.on('error', (error) => console.error(`shop: redis: ${error.message}`));
  try {
    await Promise.all([mongo.connect(), redis.connect()]);
  } catch (error) {
    redis.disconnect();
    await mongo.close();
    throw error;
  }
  const db = mongo.db();
  return {
    redis,
    db,
    users: db.collection('users'),
    products: db.collection('products'),
    orders: db.collection('orders'),
    uploads: db.collection('uploads'),
    async close() {
      await Promise.all([mongo.close(), redis.quit()]);
    },
  };
}
