import type { MigrationStep } from '../step.js';

export const indexes: MigrationStep = {
  id: 2,
  name: 'indexes',
  up: async (db) => {
    // At most one upgrade under way, whatever races.
    await db
      .collection('upgrades')
      .createIndex(
        { running: 1 },
        { name: 'one_running', unique: true, partialFilterExpression: { running: true } },
      );
    await db.collection('upgrades').createIndex({ createdAt: -1 }, { name: 'newest' });
    await db.collection('operations').createIndex({ state: 1, createdAt: 1 }, { name: 'open' });
    await db.collection('decisions').createIndex({ upgrade: 1, at: 1 }, { name: 'of_upgrade' });
    await db.collection('audit').createIndex({ at: -1 }, { name: 'newest' });
  },
};
