import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { pipeline } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { RedisPipe } from '../../../shadow/clone/redis-pipe.js';
import { startTestRedis } from './redis-server.js';

describe('a connection for many commands', () => {
  it('logs in as the URI says, and says what the server refuses', async () => {
    await using redis = await startTestRedis('--requirepass', 'p@ss/word');
    // Only a URI of a host has room for a password.
    const front = createServer((client) => {
      const server = connect({ path: redis.uri });
      pipeline(client, server, () => undefined);
      pipeline(server, client, () => undefined);
    }).listen(0, '127.0.0.1');
    await once(front, 'listening');
    try {
      const { port } = front.address() as AddressInfo;
      const signal = AbortSignal.timeout(20_000);
      const at = (login: string): Promise<RedisPipe> =>
        RedisPipe.connect(`redis://${login}127.0.0.1:${port}`, signal);
      const password = encodeURIComponent('p@ss/word');
      for (const login of [`:${password}@`, `default:${password}@`]) {
        const pipe = await at(login);
        const replies = await pipe.send([
          ['SET', 'k', 'v'],
          ['GET', 'k'],
        ]);
        expect(replies.map(String)).toEqual(['OK', 'v']);
        pipe.close();
      }
      await expect(at(':wrong@')).rejects.toThrow(/WRONGPASS/);
      const none = await at('');
      expect(String((await none.send([['GET', 'k']]))[0])).toMatch(/NOAUTH/);
      none.close();
    } finally {
      front.close();
    }
  });
});
