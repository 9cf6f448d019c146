import type { Doc } from '../bson/types.js';
import type { QueryContext } from '../query/context.js';

/** What a stage may reach besides the documents that flow through it. */
export interface StageEnvironment {
  readonly context: QueryContext;
  readonly database: string;
  /** Reads another collection (a namespace), filtered. */
  readonly read: (namespace: string, filter: Doc) => Iterable<Doc>;
  /** Facts about the collection the pipeline runs on, for `$collStats` and `$indexStats`. */
  readonly stats: (stage: string) => readonly Doc[];
  /** Writes of `$out` and `$merge`. */
  readonly writer: StageWriter;
}

export interface StageWriter {
  readonly replaceAll: (namespace: string, docs: readonly Doc[]) => void;
  readonly merge: (namespace: string, docs: Iterable<Doc>, options: MergeOptions) => void;
}

export interface MergeOptions {
  readonly on: readonly string[];
  readonly whenMatched: unknown;
  readonly whenNotMatched: unknown;
  readonly context: QueryContext;
}

/** A compiled stage: documents in, documents out, lazily where it can. */
export type Stage = (docs: Iterable<Doc>) => Iterable<Doc>;
export type CompilePipeline = (pipeline: unknown, environment: StageEnvironment) => Stage;
/** Compiles one stage; `compilePipeline` is for those that hold pipelines of their own. */
export type CompileStage = (
  operand: unknown,
  environment: StageEnvironment,
  compilePipeline: CompilePipeline,
) => Stage;
