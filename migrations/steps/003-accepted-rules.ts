import { MongoServerError } from 'mongodb';
import type { MigrationStep } from '../step.js';

const NAMESPACE_EXISTS = 48;

const text = { bsonType: 'string' };

/** Differences accepted as intended, which outlive their upgrade. */
export const acceptedRules: MigrationStep = {
  id: 3,
  name: 'accepted rules',
  up: async (db) => {
    const properties = {
      endpoint: text,
      where: text,
      changes: { bsonType: 'array', minItems: 1 },
      reason: text,
      upgrade: text,
      at: { bsonType: 'date' },
    };
    const validator = { $jsonSchema: { bsonType: 'object', required: Object.keys(properties), properties } };
    try {
      await db.createCollection('acceptedRules', { validator });
    } catch (error) {
      // A run that was cut short has made it.
      if (!(error instanceof MongoServerError && error.code === NAMESPACE_EXISTS)) throw error;
    }
  },
};
