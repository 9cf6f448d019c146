import { describe, expect, it, test } from 'vitest';
import { Redaction } from '../../shadow/redaction.js';
import { Tallies } from '../../shadow/verdict/tallies.js';

const redaction = new Redaction(['X-Trace-Secret', '$.card.number', '$.users[*].mail', '$..pin', '$.all.*']);
const HIDDEN = '"⟨redacted⟩"';

test.each([
  ['header:authorization', '', '"Basic abc"', HIDDEN],
  ['header:x-trace-secret', '', '"abc"', HIDDEN],
  ['header:authorization', '', '"Bearer ⟨id 3⟩"', '"Bearer ⟨id 3⟩"'],
  ['header:set-cookie', '.sid.value', '"abc"', HIDDEN],
  ['header:set-cookie', '.sid.path', '"/"', '"/"'],
  ['header:location', '', '"/x?access_token=abc&b=1"', '"/x?access_token=⟨redacted⟩&b=1"'],
  ['body:$.card.number', '', '4111', HIDDEN],
  ['body:$.other.number', '', '4111', '4111'],
  ['body:$.users[3].mail', '', '"a@b"', HIDDEN],
  ['body:$.a.pin[0].b', '', '1', HIDDEN],
  ['body:$.all.x', '', '1', HIDDEN],
  ['body:$.user.accessToken', '', '"abc"', HIDDEN],
  ['body:$', '', '{"card":{"number":1,"name":"A"}}', '{"card":{"number":"⟨redacted⟩","name":"A"}}'],
  ['body:$', '', '{"password":"abc","rest":"cut…', '{"password":"⟨redacted⟩","rest":"cut…'],
  ['state:mongo:users/⟨id 1⟩.password', '', '"abc"', HIDDEN],
  ['state:redis:session', ' as json $.card.number', '1', HIDDEN],
  ['egress:OUTBOUND_URL POST /x headers.authorization', '', '"abc"', HIDDEN],
  ['egress:OUTBOUND_URL POST /x body:$.card.number', '', '1', HIDDEN],
  ['egress:OUTBOUND_URL POST /x query', '', '"token=abc&q=1"', '"token=⟨redacted⟩&q=1"'],
])('%s%s: %s', (where, inner, value, shown) => expect(redaction.value(where, inner, value)).toBe(shown));

describe('what is hidden', () => {
  it('still compares, and what is kept of it holds no secret', () => {
    const tallies = new Tallies(true, redaction);
    tallies.add(
      {
        place: { where: 'body:$.card.number', general: 'body:$.card.number', inner: '' },
        ...{ feature: 'value', labels: ['a', 'a', 'b', 'b'], liveAgrees: true, kind: 'changed', raw: [] },
        ...{ old: '"4111-old"', new: '"4111-new"' },
      },
      { request: 0, exchange: 'x', method: 'GET', target: '/a?token=4111', endpoint: 'GET /a' },
    );
    const [tally] = tallies.all();
    expect(tally!.changes).toBe(1);
    const kept = JSON.stringify([tally!.sightings, [...tally!.forms.read()]]);
    expect(kept).not.toContain('4111');
    expect(tally!.sightings[0]).toMatchObject({ old: HIDDEN, new: HIDDEN, target: '/a?token=⟨redacted⟩' });
  });
});
