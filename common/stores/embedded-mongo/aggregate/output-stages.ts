import { isDoc, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { compileExpression } from './expression.js';
import type { CompileStage } from './stage.js';

const out: CompileStage = (operand, { database, writer }) => {
  const namespace = outputNamespace('$out', operand, database);
  return function* (docs) {
    writer.replaceAll(namespace, [...docs]);
    yield* [];
  };
};

function outputNamespace(stage: string, target: unknown, database: string): string {
  if (typeof target === 'string') return `${database}.${target}`;
  if (isDoc(target) && typeof target.coll === 'string')
    return `${typeof target.db === 'string' ? target.db : database}.${target.coll}`;
  return fault(16990, `${stage} only supports a string or object argument`);
}

const WHEN_MATCHED = new Set(['merge', 'replace', 'keepExisting', 'fail']);
const WHEN_NOT_MATCHED = new Set(['insert', 'discard', 'fail']);

const merge: CompileStage = (operand, { database, writer, context }) => {
  const spec: Doc = isDoc(operand) ? operand : { into: operand };
  const namespace = outputNamespace('$merge', spec.into, database);
  const on = (Array.isArray(spec.on) ? spec.on : [spec.on ?? '_id']).map(String);
  const { whenMatched = 'merge', whenNotMatched = 'insert' } = spec;
  if (!Array.isArray(whenMatched) && !WHEN_MATCHED.has(String(whenMatched)))
    return fault(
      2,
      `Enumeration value '${String(whenMatched)}' for field 'whenMatched' is not a valid value.`,
    );
  if (!WHEN_NOT_MATCHED.has(String(whenNotMatched)))
    return fault(
      2,
      `Enumeration value '${String(whenNotMatched)}' for field 'whenNotMatched' is not a valid value.`,
    );
  const variables = Object.entries(isDoc(spec.let) ? spec.let : { new: '$$ROOT' }).map(
    ([name, value]) => [name, compileExpression(value, context)] as const,
  );
  return function* (docs) {
    for (const doc of [...docs]) {
      const own = Object.fromEntries(variables.map(([name, compute]) => [name, compute(doc)]));
      const forDoc = { ...context, variables: { ...context.variables, new: doc, ...own } };
      writer.merge(namespace, [doc], { on, whenMatched, whenNotMatched, context: forDoc });
    }
    yield* [];
  };
};

/** Stages that write what comes to them, and give nothing on. */
export const OUTPUT_STAGES: Readonly<Record<string, CompileStage>> = { $out: out, $merge: merge };
