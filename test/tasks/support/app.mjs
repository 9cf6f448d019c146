// An app with tasks, as a process of its own. Says on stdout, a JSON line each, what happens to it.
import { appendFileSync } from 'node:fs';

const { closeTasks, defineCron, task } = await import(process.env.TASKS_LIBRARY);
const say = (event) =>
  appendFileSync(process.env.EVENTS, `${JSON.stringify({ pid: process.pid, ...event })}\n`);

task('echo', (payload, { attempt }) => ({ payload, attempt, pid: process.pid }));
task('fail', () => {
  throw new Error('no such luck');
});
task('sleep', async ({ ms }, { id, signal }) => {
  say({ began: id });
  await new Promise((resolve) => setTimeout(resolve, ms));
  say({ ended: id, hurried: signal.aborted });
  return process.pid;
});
task('block', ({ ms }, { id }) => {
  say({ began: id });
  const until = Date.now() + ms;
  while (Date.now() < until);
  return process.pid;
});
if (process.env.CRON !== undefined) defineCron('tick', process.env.CRON, (_, { id }) => say({ tick: id }));
if (process.env.CLOSE_AT_SIGTERM !== undefined) process.once('SIGTERM', () => void closeTasks());
say({ up: true });
