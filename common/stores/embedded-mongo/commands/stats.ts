import type { Doc } from '../bson/types.js';
import type { Collection } from '../storage/collection.js';

/** What `collStats` says of a collection. Sizes in bytes. */
export function collectionStats(collection: Collection, scale = 1): Doc {
  const { count, bytes, indexes } = collection;
  return {
    size: Math.floor(bytes / scale),
    count,
    ...(count === 0 ? {} : { avgObjSize: Math.floor(bytes / count) }),
    storageSize: Math.floor(bytes / scale),
    freeStorageSize: 0,
    ...cap(collection, scale),
    nindexes: indexes.length,
    indexDetails: {},
    indexBuilds: [],
    totalIndexSize: 0,
    totalSize: Math.floor(bytes / scale),
    indexSizes: Object.fromEntries(indexes.map(({ name }) => [name, 0])),
    scaleFactor: scale,
  };
}

function cap(collection: Collection, scale: number): Doc {
  const { capBytes, capCount } = collection;
  if (capBytes === undefined) return { capped: false };
  return {
    capped: true,
    maxSize: Math.floor(capBytes / scale),
    ...(capCount === Infinity ? {} : { max: capCount }),
  };
}
