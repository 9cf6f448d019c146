import { isDoc, toNumber, type Doc } from './bson/types.js';
import { fault } from './errors.js';

/** Refuses write concerns a single server cannot give. */
export function checkWriteConcern(body: Doc): void {
  const concern = body.writeConcern;
  if (concern === undefined) return;
  if (!isDoc(concern))
    return fault(14, "BSON field 'writeConcern' is the wrong type, expected type 'object'");
  const w = toNumber(concern.w);
  if (w !== undefined && w > 1) fault(2, "cannot use 'w' > 1 when a host is not replicated");
  if (typeof concern.w === 'string' && concern.w !== 'majority')
    fault(79, `cannot use non-majority 'w' mode ${concern.w} when a host is not a member of a replica set`);
}

/** Whether the reply must wait until what was written is on the disk: always, unless the client asked for less. */
export function waitsForDisk(body: Doc): boolean {
  const concern = body.writeConcern;
  if (!isDoc(concern) || concern.j === true) return true;
  const w = toNumber(concern.w);
  return w === undefined || (w === 1 && concern.j !== false);
}
