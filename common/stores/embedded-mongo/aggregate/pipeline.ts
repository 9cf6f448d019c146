import { isDoc, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { GROUP_STAGES } from './group-stages.js';
import { JOIN_STAGES } from './join-stages.js';
import { mingoHasStage, mingoStage } from './mingo-bridge.js';
import { OUTPUT_STAGES } from './output-stages.js';
import { SHAPE_STAGES } from './shape-stages.js';
import type { CompileStage, Stage, StageEnvironment } from './stage.js';

const STAGES: Readonly<Record<string, CompileStage>> = {
  ...SHAPE_STAGES,
  ...GROUP_STAGES,
  ...JOIN_STAGES,
  ...OUTPUT_STAGES,
};

/** Stages that make their own documents and so must come first. */
const SOURCES = new Set(['$documents', '$collStats', '$indexStats', '$listLocalSessions', '$currentOp']);

/** Compiles a pipeline to one stage. Throws the faults mongod gives for pipelines that cannot be. */
export function compilePipeline(pipeline: unknown, environment: StageEnvironment): Stage {
  if (!Array.isArray(pipeline)) return fault(14, "'pipeline' option must be specified as an array");
  const stages = pipeline.map((stage: unknown, at) => compileStage(stage, at, pipeline.length, environment));
  return (docs) => stages.reduce<Iterable<Doc>>((flowing, stage) => stage(flowing), docs);
}

function compileStage(stage: unknown, at: number, length: number, environment: StageEnvironment): Stage {
  if (!isDoc(stage)) return fault(14, "Each element of the 'pipeline' array must be an object");
  const [name, ...others] = Object.keys(stage);
  if (name === undefined || others.length > 0)
    return fault(40323, 'A pipeline stage specification object must contain exactly one field.');
  if (SOURCES.has(name) && at !== 0) fault(40602, `${name} is only valid as the first stage in a pipeline.`);
  if ((name === '$out' || name === '$merge') && at !== length - 1)
    fault(40601, `${name} can only be the final stage in the pipeline`);
  const compile = STAGES[name];
  if (compile !== undefined) return compile(stage[name], environment, compilePipeline);
  if (name === '$changeStream')
    return fault(40573, 'The $changeStream stage is only supported on replica sets');
  if (!mingoHasStage(name)) return fault(40324, `Unrecognized pipeline stage name: '${name}'`);
  const resolve = (from: string): Doc[] => [...environment.read(`${environment.database}.${from}`, {})];
  return (docs) => mingoStage(stage, [...docs], environment.context, resolve);
}
