import { isDoc, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import type { QueryContext } from '../query/context.js';
import { compileAddFields, compileProject, compileReplaceRoot, compileUnset } from './shape-stages.js';

type CompileUpdateStage = (operand: unknown, context: QueryContext) => (doc: Doc) => Doc;

/** The stages an update may be made of. */
const UPDATE_STAGES: Readonly<Record<string, CompileUpdateStage>> = {
  $addFields: compileAddFields,
  $set: compileAddFields,
  $unset: compileUnset,
  $project: compileProject,
  $replaceRoot: (operand, context) =>
    compileReplaceRoot(
      isDoc(operand) ? operand.newRoot : fault(40229, '$replaceRoot expects an object'),
      context,
    ),
  $replaceWith: compileReplaceRoot,
};

export function compilePipelineUpdate(
  pipeline: readonly unknown[],
  context: QueryContext,
): (doc: Doc) => Doc {
  const stages = pipeline.map((stage) => {
    const [name = ''] = isDoc(stage) ? Object.keys(stage) : [];
    const compile = UPDATE_STAGES[name];
    if (compile === undefined)
      return fault(
        40324,
        `Unrecognized pipeline stage name, or one that cannot be used in an update: '${name}'`,
      );
    return compile((stage as Doc)[name], context);
  });
  return (doc) => stages.reduce((result, stage) => stage(result), doc);
}
