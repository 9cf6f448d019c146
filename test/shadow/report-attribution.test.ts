import pc from 'picocolors';
import { expect, it } from 'vitest';
import { renderAttribution } from '../../shadow/report/attribution-text.js';

it('tells differences whose cause is not known once for each reason, and no page of them', () => {
  const unattributed = [...'abcdefgh'].map((difference) => ({ difference, because: 'not tried yet' }));
  unattributed.splice(2, 0, { difference: 'x', because: 'it comes and goes' });
  const lines = renderAttribution(
    { causes: [], unattributed, unresolved: [], trials: 3, requests: 9, tookMs: 1000 },
    [],
    pc.createColors(false),
    (line) => line,
  );
  expect(lines).toEqual([
    'caused by',
    '  not told of 8: not tried yet',
    ...[...'abcde'].map((id) => `    ${id}`),
    '    and 3 more',
    '  not told of 1: it comes and goes',
    '    x',
    '  3 trials in 1s',
    '',
  ]);
});
