import { MongoServerError, type Db, type Document } from 'mongodb';
import type { MigrationStep } from '../step.js';

const NAMESPACE_EXISTS = 48;

const text = { bsonType: 'string' };
const whole = { bsonType: ['int', 'long', 'double'] };
const date = { bsonType: 'date' };
const object = { bsonType: 'object' };

/** What every document of a collection must have. What else it has, the code that writes it decides. */
const REQUIRED: Readonly<Record<string, Readonly<Record<string, Document>>>> = {
  federation: { epoch: whole },
  clusters: {
    config: object,
    active: text,
    generation: whole,
    state: { enum: ['adding', 'live', 'removing'] },
    epoch: whole,
  },
  releases: { app: text, createdAt: date },
  upgrades: {
    kind: { enum: ['shadow', 'deploy'] },
    base: text,
    state: text,
    running: { bsonType: 'bool' },
    epoch: whole,
  },
  operations: {
    kind: text,
    state: { enum: ['queued', 'running', 'done', 'failed'] },
    createdAt: date,
    epoch: whole,
  },
  reports: { at: date },
  decisions: { upgrade: text, kind: text, at: date },
  leases: { holder: text, session: text, epoch: whole, expiresAt: date },
  audit: { what: text, at: date },
};

export const collections: MigrationStep = {
  id: 1,
  name: 'collections with validators',
  up: async (db) => {
    for (const [name, properties] of Object.entries(REQUIRED)) {
      await ensureCollection(db, name, {
        $jsonSchema: { bsonType: 'object', required: Object.keys(properties), properties },
      });
    }
  },
};

async function ensureCollection(db: Db, name: string, validator: Document): Promise<void> {
  try {
    await db.createCollection(name, { validator });
  } catch (error) {
    if (!(error instanceof MongoServerError && error.code === NAMESPACE_EXISTS)) throw error;
    // The lease this very run holds has made its collection already; so may a run that was cut short.
    await db.command({ collMod: name, validator });
  }
}
