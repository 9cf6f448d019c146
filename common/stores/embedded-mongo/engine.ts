import { getHeapStatistics } from 'node:v8';
import { Catalog } from './storage/catalog.js';
import { Cursors } from './cursors.js';
import { RecordCache } from './storage/record-cache.js';
import { Sessions } from './sessions.js';
import { Storage } from './storage/storage.js';

export interface EngineOptions {
  /** Folder of the data. */
  readonly dir: string;
  /** False for data that need not outlive the machine. */
  readonly persist: boolean;
  /** Heap that decoded documents may take, bytes. */
  readonly cacheBytes?: number;
}

/** A quarter of the heap: the indexes, which are all in memory, and work in progress need the rest. */
function defaultCacheBytes(): number {
  return getHeapStatistics().heap_size_limit / 4;
}

/** The data and everything that stays between commands. Opening reads all of the data once, to build the indexes. */
export class Engine {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly cursors = new Cursors();
  readonly sessions: Sessions;
  readonly startedAt = new Date();
  /** Commands run so far, by kind, for `serverStatus`. */
  readonly counters = { insert: 0, query: 0, update: 0, delete: 0, getmore: 0, command: 0 };
  connections = 0;

  constructor(options: EngineOptions) {
    this.storage = new Storage(options);
    this.sessions = new Sessions(this.storage);
    const cache = new RecordCache(options.cacheBytes ?? defaultCacheBytes());
    this.catalog = new Catalog({ storage: this.storage, cache });
  }

  async close(): Promise<void> {
    this.cursors.closeAll();
    await this.storage.close();
  }
}
