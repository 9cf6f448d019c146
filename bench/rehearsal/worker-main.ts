// Runs one kind of work on made-up exchanges, as told over IPC: in a process of its own, so that its CPU time and memory
// are the work's alone. Started by worker.ts with --expose-gc.
import { Bouts } from './judging.js';
import type { Task, WorkName } from './messages.js';

const bouts = new Bouts(process.argv[2] as WorkName);
process.on('message', (task: Task) => process.send!(bouts.run(task)));
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
