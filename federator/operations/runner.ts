import { MongoNetworkError, MongoServerSelectionError } from 'mongodb';
import { DharmaError, messageOf, systemClock, throwIfAborted, type Logger } from '../../common/index.js';
import type { OperationDocument, StepRecord } from '../state/documents.js';
import type { Journal } from './journal.js';
import type { Planners, Step } from './plan.js';

/** The wait before an operation goes on after the store went away, ms. */
const STORE_PAUSE_MS = 500;

/** Why a run was cut short without anything having failed: it is resumed where it was, later or elsewhere. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Runs operations step by step: a step is written down before it is taken and after it is done; a failure (or a
 * cancellation) takes back, in reverse, what was done; an interruption leaves all as it stands for the next run.
 */
export class OperationRunner {
  readonly #journal: Journal;
  readonly #planners: Planners;
  readonly #log: Logger;
  readonly #running = new Map<string, { abort: AbortController; ended: Promise<void> }>();

  constructor(journal: Journal, planners: Planners, log: Logger) {
    this.#journal = journal;
    this.#planners = planners;
    this.#log = log;
  }

  /** Runs an operation to its end, unless it has ended or runs already. Error: Interrupted, when `signal` aborts. */
  async run(id: string, signal: AbortSignal): Promise<void> {
    const current = this.#running.get(id);
    if (current !== undefined) return current.ended;
    const abort = new AbortController();
    const interrupt = (): void => abort.abort(new Interrupted('interrupted'));
    if (signal.aborted) interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    const ended = this.#runToEnd(id, abort.signal).finally(() => {
      signal.removeEventListener('abort', interrupt);
      this.#running.delete(id);
    });
    this.#running.set(id, { abort, ended });
    return ended;
  }

  /**
   * Makes an operation turn back, and waits until it has. One that waits for its turn, as all do after a restart, is
   * taken back at once: it must not begin after whoever cancelled it has gone on. Error: Interrupted, by `signal`.
   */
  async cancel(id: string, reason: DharmaError, signal: AbortSignal): Promise<void> {
    if (!this.#running.has(id)) await this.#journal.turnBack(id, reason.toJSON());
    this.#running.get(id)?.abort.abort(reason); // Also where its turn came just now.
    await this.run(id, signal);
  }

  async #runToEnd(id: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        const operation = await this.#journal.get(id);
        if (operation === undefined || operation.state === 'done' || operation.state === 'failed') return;
        return await this.#resume(operation, signal);
      } catch (error) {
        if (!isStoreAway(error)) throw error;
        this.#log.warn(
          { operation: id, error: messageOf(error) },
          'the store is away; going on when it is back',
        );
        await systemClock.sleep(STORE_PAUSE_MS);
        if (signal.reason instanceof Interrupted) throw signal.reason;
      }
    }
  }

  async #resume(operation: OperationDocument, signal: AbortSignal): Promise<void> {
    const plan = await this.#planners[operation.kind](operation);
    if (operation.error !== undefined)
      return this.#takeBack(operation, operation.steps, plan, new DharmaError(operation.error));
    await this.#journal.begin(operation._id);
    const taken = await this.#takeSteps(operation, plan, signal);
    if (taken.error === undefined) {
      await this.#journal.end(operation._id, 'done');
      return;
    }
    const failure = await this.#asFailure(taken.error, operation);
    await this.#journal.turnBack(operation._id, failure.toJSON());
    await this.#takeBack(operation, taken.steps, plan, failure);
  }

  async #takeSteps(
    operation: OperationDocument,
    plan: readonly Step[],
    signal: AbortSignal,
  ): Promise<{ steps: readonly StepRecord[]; error?: unknown }> {
    let steps: readonly StepRecord[] = operation.steps;
    for (const step of plan) {
      if (steps.some((record) => record.name === step.name && record.state === 'done')) continue;
      try {
        throwIfAborted(signal);
        steps = await this.#journal.step(operation._id, steps, step.name, 'running', step.doing);
        await step.run(signal);
        steps = await this.#journal.step(operation._id, steps, step.name, 'done', step.doing);
      } catch (error) {
        if (signal.reason instanceof Interrupted) throw signal.reason;
        if (isStoreAway(error) || isLeaseLost(error)) throw error;
        return { steps, error: signal.aborted ? signal.reason : error };
      }
    }
    return { steps };
  }

  async #takeBack(
    operation: OperationDocument,
    records: readonly StepRecord[],
    plan: readonly Step[],
    reason: DharmaError,
  ): Promise<void> {
    let steps = records;
    const isDone = (step: Step): boolean =>
      records.some((record) => record.name === step.name && record.state === 'done');
    const undoable = plan.some((step) => step.final === true && isDone(step)) ? [] : [...plan].reverse();
    for (const step of undoable) {
      const state = steps.find((record) => record.name === step.name)?.state;
      if (state === undefined || state === 'undone' || state === 'failed') continue;
      let outcome: 'undone' | 'failed' = 'undone';
      try {
        await step.undo?.(reason);
      } catch (error) {
        if (isStoreAway(error) || isLeaseLost(error)) throw error;
        // The others must still be taken back; what is left stands in the journal and the log.
        this.#log.error(
          { operation: operation._id, step: step.name, error: messageOf(error) },
          'could not undo',
        );
        outcome = 'failed';
      }
      steps = await this.#journal.step(operation._id, steps, step.name, outcome, `undoing: ${step.doing}`);
    }
    await this.#journal.end(operation._id, 'failed');
  }

  async #asFailure(error: unknown, operation: OperationDocument): Promise<DharmaError> {
    if (error instanceof DharmaError) return error;
    this.#log.error(
      { operation: operation._id, error: error instanceof Error ? error.stack : String(error) },
      'operation failed for a reason nobody foresaw',
    );
    return new DharmaError({
      code: 'INTERNAL',
      message: `${operation.kind} failed: ${messageOf(error)}`,
      remedy: 'Look into the log with: federate logs federator',
      httpStatus: 500,
      cause: error,
    });
  }
}

function isStoreAway(error: unknown): boolean {
  return error instanceof MongoNetworkError || error instanceof MongoServerSelectionError;
}

function isLeaseLost(error: unknown): boolean {
  return error instanceof DharmaError && error.code === 'LEASE_LOST';
}
