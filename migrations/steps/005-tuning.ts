import { MongoServerError } from 'mongodb';
import type { MigrationStep } from '../step.js';

const NAMESPACE_EXISTS = 48;

/** What tuning remembers: one document. */
export const tuning: MigrationStep = {
  id: 5,
  name: 'tuning',
  up: async (db) => {
    const properties = {
      state: { bsonType: 'object' },
      steps: { bsonType: 'array' },
      epoch: { bsonType: ['int', 'long', 'double'] },
    };
    const validator = { $jsonSchema: { bsonType: 'object', required: Object.keys(properties), properties } };
    try {
      await db.createCollection('tuning', { validator });
    } catch (error) {
      // A run that was cut short has made it.
      if (!(error instanceof MongoServerError && error.code === NAMESPACE_EXISTS)) throw error;
    }
  },
};
