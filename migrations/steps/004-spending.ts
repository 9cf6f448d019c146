import { MongoServerError, type Db, type Document } from 'mongodb';
import type { MigrationStep } from '../step.js';

const NAMESPACE_EXISTS = 48;

const money = { bsonType: ['int', 'long', 'double'] };
const date = { bsonType: 'date' };

/** The spend ledger, one document, and the episodes that mails are sent for. */
export const spending: MigrationStep = {
  id: 4,
  name: 'spending',
  up: async (db) => {
    await ensureCollection(db, 'spend', {
      ceiling: { bsonType: ['int', 'long', 'double', 'null'] },
      version: money,
      entries: {
        bsonType: 'array',
        items: {
          bsonType: 'object',
          required: ['id', 'cluster', 'hourly', 'state', 'until'],
          properties: {
            hourly: { ...money, minimum: 0 },
            state: { enum: ['reserved', 'creating', 'running'] },
          },
        },
      },
      clock: date,
    });
    await ensureCollection(db, 'episodes', {
      begunAt: date,
      seenAt: date,
      clusters: { bsonType: 'array' },
      problem: { bsonType: 'object' },
    });
  },
};

async function ensureCollection(db: Db, name: string, properties: Document): Promise<void> {
  const validator = { $jsonSchema: { bsonType: 'object', required: Object.keys(properties), properties } };
  try {
    await db.createCollection(name, { validator });
  } catch (error) {
    // A run that was cut short has made it.
    if (!(error instanceof MongoServerError && error.code === NAMESPACE_EXISTS)) throw error;
    await db.command({ collMod: name, validator });
  }
}
