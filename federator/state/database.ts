import { MongoClient, type Collection, type Db } from 'mongodb';
import type {
  AuditDocument,
  ClusterDocument,
  DecisionDocument,
  FederationDocument,
  OperationDocument,
  ReleaseDocument,
  ReportDocument,
  RuleDocument,
  TuningDocument,
  UpgradeDocument,
} from './documents.js';

/** Name of the federation's database, where the URI does not name one. */
const DATABASE = 'dharma';

/** How long an operation waits for a server before it fails: a store that was restarted is back sooner. */
const SELECT_SERVER_MS = 5000;

/** The federation's database with its collections by name. The owner must `close()` it. */
export class Database {
  readonly #client: MongoClient;
  readonly db: Db;

  private constructor(client: MongoClient) {
    this.#client = client;
    this.db = client.db(client.options.dbName === 'test' ? DATABASE : client.options.dbName);
  }

  static async open(uri: string): Promise<Database> {
    const client = new MongoClient(uri, {
      serverSelectionTimeoutMS: SELECT_SERVER_MS,
      appName: 'dharma',
      writeConcern: { w: 'majority', journal: true },
    });
    await client.connect();
    return new Database(client);
  }

  get federation(): Collection<FederationDocument> {
    return this.db.collection('federation');
  }
  get clusters(): Collection<ClusterDocument> {
    return this.db.collection('clusters');
  }
  get releases(): Collection<ReleaseDocument> {
    return this.db.collection('releases');
  }
  get upgrades(): Collection<UpgradeDocument> {
    return this.db.collection('upgrades');
  }
  get operations(): Collection<OperationDocument> {
    return this.db.collection('operations');
  }
  get reports(): Collection<ReportDocument> {
    return this.db.collection('reports');
  }
  get rules(): Collection<RuleDocument> {
    return this.db.collection('acceptedRules');
  }
  get decisions(): Collection<DecisionDocument> {
    return this.db.collection('decisions');
  }
  get tuning(): Collection<TuningDocument> {
    return this.db.collection('tuning');
  }
  get audit(): Collection<AuditDocument> {
    return this.db.collection('audit');
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
