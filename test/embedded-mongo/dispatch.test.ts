import { serialize } from 'bson';
import { describe, expect, it, vi } from 'vitest';
import { dispatch } from '../../common/stores/embedded-mongo/dispatch.js';
import type { Engine } from '../../common/stores/embedded-mongo/engine.js';
import { OP_MSG, type Request } from '../../common/stores/embedded-mongo/wire/message.js';

const request: Request = {
  requestId: 1,
  opCode: OP_MSG,
  body: Buffer.from(serialize({ drop: 'c', $db: 'test' })),
  sequences: new Map(),
  moreToCome: false,
  namespace: undefined,
};

/** An engine with a bug: its catalog throws, after `writes` writes. */
function broken(writes: number): Engine {
  const storage = { writes: 0 };
  const catalog = {
    get: () => {
      storage.writes += writes;
      throw new TypeError('a bug');
    },
  };
  return { storage, catalog } as unknown as Engine;
}

describe('a bug in a command', () => {
  it('is an internal error as long as nothing was written', async () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(await dispatch(broken(0), 1, request)).toMatchObject({
        ok: 0,
        code: 1,
        codeName: 'InternalError',
      });
      expect(stderr).toHaveBeenCalledOnce();
    } finally {
      stderr.mockRestore();
    }
  });

  it('is not survived by the server when the command had begun to write', async () => {
    await expect(dispatch(broken(1), 1, request)).rejects.toThrow('a bug');
  });
});
