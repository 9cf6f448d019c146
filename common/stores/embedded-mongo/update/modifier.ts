import type { Doc } from '../bson/types.js';
import type { QueryContext } from '../query/context.js';

/** What a modifier gives for "this field goes". */
export const REMOVE = Symbol('remove');

/** Makes a field's new value from the old one. The same value, or undefined, leaves it as it is. */
export type Modify = (value: unknown, doc: Doc) => unknown;

/** Compiles a modifier's operand for one path. */
export type CompileModifier = (operand: unknown, path: string, context: QueryContext) => Modify;
