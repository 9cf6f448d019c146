import { describe, expect, it } from 'vitest';
import type { OutboundCall } from '../../../common/index.js';
import { parseAnswer, type Answer, type RawAnswer } from '../../../shadow/answer.js';
import { compareAnswers } from '../../../shadow/compare/compare-answer.js';
import type { Four } from '../../../shadow/compare/observation.js';
import { Symbols } from '../../../shadow/compare/symbols.js';
import { Roots } from '../../../shadow/replay/roots.js';

const ROOTS = new Roots(['/srv/releases/ab12', '/srv/arms/old-a']);

describe('the folders an app runs in', () => {
  it('are named alike in body and headers, and nothing else is touched', () => {
    const answer = ROOTS.inAnswer({
      status: 500,
      headers: [
        ['X-Source', '/srv/arms/old-a/app.js:3'],
        ['ETag', '"abc"'],
      ],
      body: Buffer.from('at /srv/releases/ab12/app.js:3'),
    });
    expect(answer.headers).toEqual([
      ['X-Source', '/app/app.js:3'],
      ['ETag', '"abc"'],
    ]);
    expect(Buffer.from(answer.body).toString()).toBe('at /app/app.js:3');
  });

  it('say nothing by the ETag of the bytes they stand in', () => {
    const seen: string[] = [];
    const answers = ['old-a', 'old-b', 'new-a', 'new-b'].map((arm, i) => {
      const raw: RawAnswer = {
        status: 200,
        headers: [['ETag', `"${i < 2 ? 'a' : 'b'}"`]],
        body: Buffer.from(`{"dir":"/srv/arms/${arm}"}`),
      };
      return { ...parseAnswer(new Roots([`/srv/arms/${arm}`]).inAnswer(raw)), bytes: raw.body };
    });
    compareAnswers(answers as unknown as Four<Answer>, undefined, {
      ...{ symbols: new Symbols(false), hasLive: false, nowMs: 0, skewMs: 0, single: false },
      ...{ exactIndexes: false, markup: false },
      observe: ({ place }) => seen.push(place.where),
    });
    expect(seen).toEqual([]);
  });

  it('are named alike in stored values, keys and outbound calls', () => {
    const call = {
      target: '/up?file=%2Fsrv%2Farms%2Fold-a%2Fa.txt',
      requestHeaders: [['x-path', '/srv/arms/old-a/a.txt']],
      requestBody: Buffer.from('{"path":"/srv/arms/old-a/a.txt"}'),
    } as unknown as OutboundCall;
    const delta = ROOTS.inEffects({
      entries: [
        {
          store: 'redis',
          key: ['f:/srv/arms/old-a/x'],
          before: undefined,
          after: { list: ['/srv/releases/ab12/a'] },
        },
      ],
      calls: [call],
    });
    expect(delta.entries[0]).toMatchObject({ key: ['f:/app/x'], after: { list: ['/app/a'] } });
    expect(delta.calls[0]).toMatchObject({
      target: '/up?file=/app%2Fa.txt',
      requestHeaders: [['x-path', '/app/a.txt']],
    });
    expect(Buffer.from(delta.calls[0]!.requestBody).toString()).toBe('{"path":"/app/a.txt"}');
  });
});
