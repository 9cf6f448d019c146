import type { ClusterConfig } from '../../common/index.js';
import type { Database } from './database.js';
import type { ClusterDocument, FederationDocument } from './documents.js';
import type { Fence } from './fence.js';

/** What the federation wants of its clusters. Every write is fenced. */
export class ClusterStore {
  readonly #database: Database;
  readonly #fence: Fence;

  constructor(database: Database, fence: Fence) {
    this.#database = database;
    this.#fence = fence;
  }

  async federation(): Promise<FederationDocument> {
    return (
      (await this.#database.federation.findOne({ _id: 'federation' })) ?? {
        _id: 'federation',
        live: null,
        capture: false,
        epoch: 0,
      }
    );
  }

  /** Fields of the federation itself. */
  async setFederation(
    set: Partial<Pick<FederationDocument, 'live' | 'capture' | 'surroundings'>>,
  ): Promise<void> {
    await this.#fence.update(this.#database.federation, { _id: 'federation' }, { $set: set });
  }

  /** All, by name. */
  async list(): Promise<ClusterDocument[]> {
    return this.#database.clusters.find().sort({ _id: 1 }).toArray();
  }

  async get(name: string): Promise<ClusterDocument | undefined> {
    return (await this.#database.clusters.findOne({ _id: name })) ?? undefined;
  }

  /** Error: the server's duplicate key error when the name is taken. */
  async insert(cluster: {
    readonly name: string;
    readonly config: ClusterConfig;
    readonly active: string;
    readonly listen: ClusterDocument['listen'];
    readonly recordOutbound: boolean;
  }): Promise<void> {
    const { name, ...rest } = cluster;
    await this.#database.clusters.insertOne({
      _id: name,
      ...rest,
      warm: [],
      generation: 1,
      state: 'adding',
      createdAt: new Date(),
      epoch: this.#fence.epoch,
    });
  }

  /** Changes what an agent is to bring about; its generation rises. False when there is no such cluster. */
  async change(
    name: string,
    set: Partial<
      Pick<ClusterDocument, 'active' | 'warm' | 'warmConfigs' | 'config' | 'recordOutbound' | 'listen'>
    >,
  ): Promise<boolean> {
    return this.#fence.update(this.#database.clusters, { _id: name }, { $set: set, $inc: { generation: 1 } });
  }

  /** Another config, if nobody has changed the cluster since its generation was `generation`. False when somebody has. */
  async configureFrom(name: string, generation: number, config: ClusterConfig): Promise<boolean> {
    return this.#fence.update(
      this.#database.clusters,
      { _id: name, generation },
      { $set: { config }, $inc: { generation: 1 } },
    );
  }

  /** Its share of the edge's traffic. */
  async setWeight(name: string, weight: number): Promise<boolean> {
    return this.#fence.update(this.#database.clusters, { _id: name }, { $set: { weight } });
  }

  /** Moves it in or out of the edge's traffic. */
  async setState(name: string, state: ClusterDocument['state']): Promise<boolean> {
    return this.#fence.update(this.#database.clusters, { _id: name }, { $set: { state } });
  }

  async remove(name: string): Promise<boolean> {
    return this.#fence.remove(this.#database.clusters, name);
  }
}
