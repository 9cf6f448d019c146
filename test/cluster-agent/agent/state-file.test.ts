import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readState, writeState } from '../../../cluster-agent/agent/state-file.js';
import { log, specOf } from '../support/agents.js';
import { releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';

describe('what an agent knows after a kill', () => {
  it('is what it wrote, for its user only', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, '');
    const measured = { endpoint: 'GET /', median: 1, mean: 2, loadedMedian: 3, count: 4, errors: 0 };
    const state = { spec: await specOf(root, release), measurements: { [release.id]: [measured] } };
    await writeState(root, state);
    expect(await readState(root, log)).toEqual(state);
    expect((await stat(join(root, 'agent.json'))).mode & 0o777).toBe(0o600);
    expect((await readdir(root)).filter((name) => name.startsWith('agent.json'))).toEqual(['agent.json']);
  });

  it.each(['', '{', '[]', '{"spec":{},"measurements":{}}'])(
    'is nothing when the file holds %j',
    async (text) => {
      const root = await temporaryFolder();
      expect(await readState(root, log)).toBeUndefined();
      await writeFile(join(root, 'agent.json'), text);
      expect(await readState(root, log)).toBeUndefined();
    },
  );

  it('tells that it could not be written', async () => {
    const root = await temporaryFolder();
    const spec = await specOf(root, await releaseOf(root, ''));
    await mkdir(join(root, 'agent.json.new'));
    await expect(writeState(root, { spec, measurements: {} })).rejects.toMatchObject({
      code: 'STATE_NOT_WRITTEN',
    });
  });
});
