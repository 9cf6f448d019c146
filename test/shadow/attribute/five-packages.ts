import type { PackageSource } from './registry.js';

/** An app with five packages of its own and two below them; what each route answers hangs on some of them. */
export const APP = `
const { createServer } = require('node:http');
const [greet, kit, left, right, plain] = ['t-greet', 't-kit', 't-left', 't-right', 't-plain'].map((name) => require(name));
createServer((request, response) => {
  const answers = {
    '/greet': () => ({ text: greet() }),
    '/deep': () => ({ sum: kit.add(1, 2) }),
    '/both': () => ({ text: left() && right() ? 'both' : 'not both' }),
    '/plain': () => ({ text: plain() }),
  };
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify((answers[request.url] ?? (() => "ready"))()));
}).listen(process.env.PORT, '127.0.0.1');
`;

const source = (
  name: string,
  version: string,
  code: string,
  more: Partial<PackageSource> = {},
): PackageSource => ({
  name,
  version,
  ...more,
  files: { 'index.js': `module.exports = ${code};`, ...more.files },
});

export const PACKAGES: readonly PackageSource[] = [
  source('t-greet', '1.0.0', '() => "hello"'),
  source('t-greet', '2.0.0', '() => "good day"', {
    files: { 'CHANGELOG.md': '# Changes\n\n## 2.0.0\n\n- greets formally\n\n## 1.0.0\n\n- first\n' },
  }),
  // kit is innocent: what it asks for below it has changed.
  source('t-kit', '1.0.0', 'require("t-math")', { dependencies: { 't-math': '^1.0.0' } }),
  source('t-kit', '1.1.0', 'require("t-math")', {
    dependencies: { 't-math': '^2.0.0', 't-spare': '^1.0.0' },
  }),
  source('t-math', '1.0.0', '{ add: (a, b) => a + b }'),
  source('t-math', '2.0.0', '{ add: (a, b) => String(a + b) }', {
    files: { 'HISTORY.md': '2.0.0 / 2024-01-01\n==================\n\n  * sums are text\n' },
  }),
  source('t-spare', '1.0.0', '{}'),
  source('t-left', '1.0.0', '() => false'),
  source('t-left', '1.1.0', '() => true'),
  source('t-right', '1.0.0', '() => false'),
  source('t-right', '1.1.0', '() => true'),
  source('t-plain', '1.0.0', '() => "plain"'),
  source('t-plain', '1.1.0', '() => "plain"'),
];

/** What the app asks for, and what it does after the update. */
export const OLD = {
  't-greet': '1.0.0',
  't-kit': '1.0.0',
  't-left': '1.0.0',
  't-right': '1.0.0',
  't-plain': '1.0.0',
};
export const NEW = {
  't-greet': '2.0.0',
  't-kit': '1.1.0',
  't-left': '1.1.0',
  't-right': '1.1.0',
  't-plain': '1.1.0',
};
