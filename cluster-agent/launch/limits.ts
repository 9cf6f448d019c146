import type { NodeLimits } from '../../common/index.js';

/**
 * The command, held to what a node may take: whole CPUs (`taskset`) and bytes of memory that are its own (`prlimit --data`, by
 * which a process that asks for more fails as it would on a machine that has no more). Both become what they start, belong to
 * util-linux, and ask for no rights. Copies are spread over the CPUs: the `nth` begins where the one before it ended. Pure.
 */
export function limitedCommand(
  command: readonly string[],
  limits: NodeLimits | undefined,
  { cpus, nth }: { readonly cpus: readonly number[]; readonly nth: number },
): readonly string[] {
  if (limits === undefined) return command;
  const memory = ['prlimit', `--data=${limits.memory}`];
  if (limits.cpus >= cpus.length) return [...memory, ...command];
  const own = Array.from({ length: limits.cpus }, (_, i) => cpus[(nth * limits.cpus + i) % cpus.length]!);
  return ['taskset', '-c', own.join(','), ...memory, ...command];
}

/** The CPUs that a process may use, of the text of its `/proc/…/status`. Pure. */
export function allowedCpus(status: string): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
