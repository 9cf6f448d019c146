import type { DharmaErrorJson } from '../../common/index.js';
import type { Database } from '../state/database.js';
import type { OperationDocument, OperationKind, StepRecord, StepState } from '../state/documents.js';
import type { Fence } from '../state/fence.js';

/** The written side of operations: nothing is done that does not stand here first. */
export class Journal {
  readonly #database: Database;
  readonly #fence: Fence;

  constructor(database: Database, fence: Fence) {
    this.#database = database;
    this.#fence = fence;
  }

  /** Error: the server's duplicate key error when the id is known. */
  async insert(operation: {
    readonly id: string;
    readonly kind: OperationKind;
    readonly subject: string;
    readonly input: Readonly<Record<string, unknown>>;
  }): Promise<void> {
    const { id, ...rest } = operation;
    await this.#database.operations.insertOne({
      _id: id,
      ...rest,
      state: 'queued',
      steps: [],
      doing: 'waiting for its turn',
      createdAt: new Date(),
      epoch: this.#fence.epoch,
    });
  }

  async get(id: string): Promise<OperationDocument | undefined> {
    return (await this.#database.operations.findOne({ _id: id })) ?? undefined;
  }

  /** Those not ended, oldest first. */
  async open(): Promise<OperationDocument[]> {
    return this.#database.operations
      .find({ state: { $in: ['queued', 'running'] } })
      .sort({ createdAt: 1 })
      .toArray();
  }

  async begin(id: string): Promise<void> {
    await this.#set(id, { state: 'running' });
  }

  /** Records a step's state; `steps` are the operation's as last known, the new list is returned. */
  async step(
    id: string,
    steps: readonly StepRecord[],
    name: string,
    state: StepState,
    doing: string,
  ): Promise<StepRecord[]> {
    const record = { name, state, at: new Date() };
    const next = [...steps.filter((step) => step.name !== name), record];
    await this.#set(id, { steps: next, doing });
    return next;
  }

  /** From here on it is being undone, also after a crash. */
  async turnBack(id: string, error: DharmaErrorJson): Promise<void> {
    await this.#set(id, { error });
  }

  async end(id: string, state: 'done' | 'failed'): Promise<void> {
    await this.#set(id, { state, endedAt: new Date(), doing: state });
  }

  async #set(id: string, set: Partial<Omit<OperationDocument, '_id' | 'epoch'>>): Promise<void> {
    await this.#fence.update(this.#database.operations, { _id: id }, { $set: set });
  }
}
