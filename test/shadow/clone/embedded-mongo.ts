import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedMongo } from '../../../common/stores/embedded-mongo/server.js';

/** An embedded Mongo in this process, reached by the driver over TCP. */
export interface TestMongo extends AsyncDisposable {
  readonly uri: string;
}

export async function startTestMongo(): Promise<TestMongo> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-test-mongo-'));
  const mongo = await EmbeddedMongo.start({ dir, persist: false });
  return {
    uri: `mongodb://127.0.0.1:${mongo.port}`,
    [Symbol.asyncDispose]: async () => {
      await mongo.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
