import { describe, expect, it } from 'vitest';
import { manifestSchema } from '../../../common/index.js';
import { armEnvironment, type ArmEnvironmentInput } from '../../../shadow/arms/environment.js';

const input = (env: Record<string, string>, redis?: string): ArmEnvironmentInput => ({
  arm: 'old-a',
  release: {
    id: 'r',
    app: 'a',
    dir: '/x',
    manifest: manifestSchema.parse({ name: 'a' }),
    packages: {},
    createdAt: 0,
  },
  addresses: { mongo: undefined, redis, doors: {} },
  live: { redis: 'redis://live:6379/2' },
  outbound: {},
  env,
  enforcement: 'namespace',
  guardLog: '/x/guard',
  writesLog: '/x/writes',
});

describe('the env of an arm', () => {
  it('has tasks of its own, whatever Redis live keeps its tasks in', () => {
    const live = { DHARMA_TASKS_REDIS: 'redis://user:secret@tasks:6379/3' };
    expect(armEnvironment(input(live, '127.0.0.1:6379'))).toMatchObject({
      DHARMA_TASKS_COPY: '1',
      DHARMA_TASKS_REDIS: 'redis://127.0.0.1:6379/3',
      REDIS_URL: 'redis://127.0.0.1:6379/2',
    });
    // Without a mirror it finds none at all.
    expect(armEnvironment(input(live)).DHARMA_TASKS_REDIS).toBe('redis://127.0.0.1:1/3');
    expect(armEnvironment(input({}, '127.0.0.1:6379'))).not.toHaveProperty('DHARMA_TASKS_REDIS');
  });
});
