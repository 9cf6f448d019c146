import { describe, expect, it } from 'vitest';
import { followEpisodes, type Episode } from '../../federator/spend/episodes.js';
import { sendEpisode } from '../../federator/spend/mail.js';
import { startSmtp } from './support/smtp.js';

const problem = (code: string) => ({
  code,
  message: 'scaling stops',
  found: '3 wanted',
  remedy: 'Raise maxSpend.',
});
const at = (minutes: number): Date => new Date(Date.UTC(2026, 0, 5) + minutes * 60_000);
const seen = (cluster: string, code = 'CEILING_REACHED') => ({ cluster, problem: problem(code) });

/** The episodes after each moment; a mail that is due is sent at once. `mails`: how many there were. */
function play(moments: readonly [minute: number, seen: readonly ReturnType<typeof seen>[]][]) {
  let open: readonly Episode[] = [];
  let mails = 0;
  for (const [minute, now] of moments) {
    ({ open } = followEpisodes(open, now, at(minute)));
    mails += open.filter(({ mailedAt }) => mailedAt === null).length;
    open = open.map((episode) => ({ ...episode, mailedAt: episode.mailedAt ?? at(minute) }));
  }
  return { open, mails };
}

describe('an episode', () => {
  it('is mailed once, however often the ceiling is met, by however many clusters', () => {
    const moments = Array.from({ length: 300 }, (_, i): [number, ReturnType<typeof seen>[]] => [
      i,
      i % 3 === 0 ? [seen('blue'), seen('green', 'CEILING_BELOW_RUNNING')] : [],
    ]);
    const { open, mails } = play(moments);
    expect(mails).toBe(1);
    expect(open).toMatchObject([{ _id: 'ceiling', clusters: ['blue', 'green'], begunAt: at(0) }]);
  });

  it('is over after an hour without it, and the next is mailed anew', () => {
    expect(
      play([
        [0, [seen('blue')]],
        [59, []],
        [61, []],
      ]).open,
    ).toEqual([]);
    expect(
      play([
        [0, [seen('blue')]],
        [61, []],
        [62, [seen('blue')]],
      ]).mails,
    ).toBe(2);
    expect(
      play([
        [0, [seen('blue')]],
        [59, []],
        [60, [seen('blue')]],
        [119, []],
      ]).mails,
    ).toBe(1);
  });

  it('is not made of what mails are not sent for', () => {
    expect(play([[0, [seen('blue', 'TELEMETRY_STOPPED')]]])).toEqual({ open: [], mails: 0 });
  });
});

describe('the mail of an episode', () => {
  const episode: Episode = {
    _id: 'ceiling',
    begunAt: at(0),
    seenAt: at(1),
    mailedAt: null,
    clusters: ['blue'],
    problem: problem('CEILING_REACHED'),
  };

  it('says what is wrong and what to do, to everyone on the list, and is the same mail when it is sent again', async () => {
    const { url, mails } = await startSmtp();
    const settings = { to: ['a@example.org', 'b@example.org'], from: 'dharma@example.org', smtp: url };
    const { signal } = new AbortController();
    await sendEpisode(settings, 'f1', episode, signal);
    await sendEpisode(settings, 'f1', episode, signal);
    expect(mails).toHaveLength(2);
    expect(mails[0]).toContain('Subject: dharma: scaling stops');
    expect(mails[0]).toContain('To: a@example.org, b@example.org');
    expect(mails[0]).toContain('Raise maxSpend.');
    const ids = mails.map((mail) => /^Message-ID: (.+)$/m.exec(mail)?.[1]);
    expect(ids[0]).toMatch(/^<ceiling\.\d+@f1\.dharma>/);
    expect(ids[1]).toBe(ids[0]);
  });

  it('that nobody takes is an error, to be tried again', async () => {
    const settings = { to: ['a@example.org'], from: 'dharma@example.org', smtp: 'smtp://127.0.0.1:1' };
    await expect(sendEpisode(settings, 'f1', episode, new AbortController().signal)).rejects.toThrow(
      'ECONNREFUSED',
    );
  });
});
