import { isDoc, typeName, type Doc } from './bson/types.js';
import { fault } from './errors.js';

/** The commands of MongoDB's Stable API, version 1: all that a client with `apiStrict` may use. */
const VERSION_1: ReadonlySet<string> = new Set([
  'aggregate',
  'bulkWrite',
  'collMod',
  'count',
  'create',
  'createIndexes',
  'delete',
  'drop',
  'dropDatabase',
  'dropIndexes',
  'endSessions',
  'explain',
  'find',
  'findAndModify',
  'getMore',
  'hello',
  'insert',
  'killCursors',
  'listCollections',
  'listDatabases',
  'listIndexes',
  'ping',
  'refreshSessions',
  'update',
]);

/** Stages that tell of the server's state, which the Stable API does not promise. */
const OTHER_STAGES: ReadonlySet<string> = new Set([
  '$collStats',
  '$currentOp',
  '$indexStats',
  '$listLocalSessions',
  '$listSessions',
  '$planCacheStats',
]);

/** Refuses what a client has promised not to use, so that it finds out here and not after an upgrade of mongod. */
export function checkStableApi(name: string, body: Doc): void {
  const { apiVersion, apiStrict } = body;
  if (apiVersion === undefined) {
    if (apiStrict !== undefined || body.apiDeprecationErrors !== undefined)
      fault(4886600, 'Provided apiStrict and/or apiDeprecationErrors without passing apiVersion');
    return;
  }
  if (typeof apiVersion !== 'string')
    fault(14, `BSON field 'apiVersion' is the wrong type '${typeName(apiVersion)}', expected type 'string'`);
  if (apiVersion !== '1') fault(322, 'API version must be "1"');
  if (apiStrict !== true) return;
  if (!VERSION_1.has(name))
    fault(323, `Provided apiStrict:true, but the command ${name} is not in API Version 1`);
  for (const stage of Array.isArray(body.pipeline) ? (body.pipeline as unknown[]) : []) {
    const [operator = ''] = isDoc(stage) ? Object.keys(stage) : [];
    if (OTHER_STAGES.has(operator))
      fault(323, `stage ${operator} is not allowed with 'apiStrict: true' in API Version 1`);
  }
}
