import { isDoc, typeName, type Doc } from './bson/types.js';
import { fault } from './errors.js';

const LEVELS: ReadonlySet<unknown> = new Set(['local', 'available', 'majority', 'linearizable', 'snapshot']);

/**
 * A command sees all that was written before it, which is what every level up to linearizable asks for. A snapshot is
 * one moment over several commands: that there is none must not stay hidden from who asks for it.
 */
export function checkReadConcern({ readConcern }: Doc): void {
  if (readConcern === undefined) return;
  if (!isDoc(readConcern))
    return fault(
      14,
      `BSON field 'readConcern' is the wrong type '${typeName(readConcern)}', expected type 'object'`,
    );
  const { level } = readConcern;
  if (level === undefined) return;
  if (!LEVELS.has(level))
    fault(
      9,
      `readConcern.level must be one of 'local', 'majority', 'linearizable', 'available', or 'snapshot'`,
    );
  if (level === 'snapshot') fault(123, 'node needs to be a replica set member to use readConcern: snapshot');
}
