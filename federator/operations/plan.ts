import type { OperationDocument, OperationKind } from '../state/documents.js';

/**
 * One step of long work. `run` must come to the same end when it is repeated after being cut short anywhere; `undo`
 * takes back what it did, also where it had only begun.
 */
export interface Step {
  /** Unique in its plan and the same on every planning: the journal knows it by that. */
  readonly name: string;
  /** For people: what is being done. */
  readonly doing: string;
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly undo?: (reason: Error) => Promise<void>;
  /** Once it is done, nothing is taken back any more: a later failure is told, and the rest stays to be repeated. */
  readonly final?: true;
}

/** Makes the steps of an operation from what stands in the database. Repeated on every resumption. */
export type Planner = (operation: OperationDocument) => Promise<readonly Step[]>;

export type Planners = Readonly<Record<OperationKind, Planner>>;
