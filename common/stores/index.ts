/** MongoDB and Redis: given by the user, or started on this machine. */
export {
  askMongoVersion,
  startMongo,
  type MongoKind,
  type StartedMongo,
  type StartMongoOptions,
} from './mongo.js';
export { findMongod } from './mongod-binary.js';
export {
  openStores,
  withoutCredentials,
  type OpenStore,
  type OpenStoresOptions,
  type Stores,
} from './open.js';
export { askRedisVersion, startRedis } from './redis.js';
export { findExecutable, type StartedStore, type StartStoreOptions } from './started.js';
