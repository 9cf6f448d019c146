import { DharmaError, formatBytes } from '../../common/index.js';
import { freeRoom } from './free-room.js';
import type { Room } from './sizes.js';

/**
 * What the copies of the stores may take of the machine: not what is promised to the exchanges that wait. Error:
 * DISK_BUDGET_TOO_LARGE.
 */
export async function roomBesideBudget(dir: string, reservedBytes: number): Promise<Room> {
  const free = await freeRoom(dir);
  if (reservedBytes > free.disk) throw diskBudgetTooLarge(reservedBytes, free.disk);
  return { ...free, disk: free.disk - reservedBytes };
}

function diskBudgetTooLarge(budget: number, free: number): DharmaError {
  return new DharmaError({
    code: 'DISK_BUDGET_TOO_LARGE',
    message: 'the disk has not the room that captured exchanges are to have',
    found: `${formatBytes(budget)} are to be had, ${formatBytes(free)} are free`,
    remedy: 'Give less with --disk, or leave it out: then it is a share of what is free.',
  });
}
