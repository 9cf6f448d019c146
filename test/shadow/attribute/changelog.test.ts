import { describe, expect, it } from 'vitest';
import { compareVersions, excerptOf } from '../../../shadow/attribute/changelog.js';

const KEEP = `# Changelog

## [Unreleased]
- not yet

## [2.0.0] - 2024-05-01
### Changed
- \`1.5.0\` callers must change

## [1.5.0] - 2024-04-01
- five

## [1.4.0]
- four
`;

const HISTORY = `5.0.1 / 2024-10-08
==========

  * newer

5.0.0 / 2024-09-10
=========================

  * drops callbacks
  * 4.9.0 was the last of its kind

4.19.2 / 2024-03-25
==========

  * older
`;

describe('the excerpt of a changelog', () => {
  it.each([
    [
      'the entries after the old version up to the new one',
      KEEP,
      '1.4.0',
      '2.0.0',
      ['2.0.0', 'must change', 'five'],
      ['not yet', 'four'],
    ],
    [
      'headings that are underlined',
      HISTORY,
      '4.19.2',
      '5.0.0',
      ['drops callbacks', '4.9.0 was'],
      ['newer', 'older'],
    ],
    [
      'headings with a name or a v',
      '## pkg@2.0.0\n- b\n\n## v1.0.0\n- a',
      '1.0.0',
      '2.0.0',
      ['- b'],
      ['- a'],
    ],
    ['bold headings', '**2.0.0**\n- b\n\n**1.0.0**\n- a', '1.0.0', '2.0.0', ['- b'], ['- a']],
  ])('has %s', (_, text, from, to, has, hasNot) => {
    const excerpt = excerptOf(text, from, to) ?? '';
    for (const part of has) expect(excerpt).toContain(part);
    for (const part of hasNot) expect(excerpt).not.toContain(part);
  });

  it('is none where the file tells nothing of these versions', () => {
    expect(excerptOf(KEEP, '2.0.0', '3.0.0')).toBeUndefined();
    expect(excerptOf(KEEP, '2.0.0', '1.4.0')).toBeUndefined();
    expect(excerptOf('no headings here, 1.5.0', '1.0.0', '2.0.0')).toBeUndefined();
  });

  it('orders versions as semver does', () => {
    const ordered = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-rc.2',
      '1.0.0-rc.11',
      '1.0.0',
      '1.2',
      '1.10.0',
      '2.0.0',
    ];
    const mixed = [...ordered].reverse().sort(compareVersions);
    expect(mixed).toEqual(ordered);
  });
});
