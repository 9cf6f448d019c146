import { findMongod } from '../common/stores/mongod-binary.js';

/** Which MongoDB there is, is found out once for all tests: each of hundreds of processes would ask the network for it. */
export async function setup(): Promise<void> {
  await findMongod();
}
