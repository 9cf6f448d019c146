import { DharmaError, formatBytes } from '../../common/index.js';
import { roomNeeded, type CopiesToMake, type LiveSizes, type Room } from './sizes.js';

/** Of what is free, this share stays: live and the arms go on writing, and a full machine is live's trouble too. */
const LEFT_FREE = 0.1;

export interface RoomQuestion {
  readonly live: LiveSizes;
  readonly copies: CopiesToMake;
  readonly free: Room;
  /** The folder the copies go to. */
  readonly dir: string;
  /** When it came out, for the message: before live was read, while, or after. */
  readonly when: 'before' | 'while' | 'after';
}

/** What the copies may take of what is free. Pure. */
export function roomFor(free: Room): Room {
  return { disk: free.disk * (1 - LEFT_FREE), memory: free.memory * (1 - LEFT_FREE) };
}

/** Error STORE_TOO_LARGE when the copies do not fit. Pure. */
export function checkRoom(question: RoomQuestion): void {
  const { live, copies, free, dir, when } = question;
  const room = roomFor(free);
  const needed = roomNeeded(live, copies);
  const short = [
    ...(needed.disk > room.disk
      ? [`about ${formatBytes(needed.disk)} of disk, and ${dir} can give ${formatBytes(room.disk)}`]
      : []),
    ...(needed.memory > room.memory
      ? [
          `about ${formatBytes(needed.memory)} of memory, and this machine can give ${formatBytes(room.memory)}`,
        ]
      : []),
  ];
  if (short.length === 0) return;
  throw new DharmaError({
    code: 'STORE_TOO_LARGE',
    message: `${WHEN[when]} need ${short.join('; and ')}`,
    found: found(live, copies.arms),
    remedy: remedy(question, needed, room),
  });
}

const WHEN = {
  before: "the copies of live's stores",
  while: "live's stores grew while they were copied: the copies",
  after: "live's stores are larger than they told: the copies",
};

function remedy({ live, copies }: RoomQuestion, needed: Room, room: Room): string {
  const ways = [
    ...(needed.disk > room.disk ? ['free some disk or move the state folder to a larger one'] : []),
    ...(needed.memory > room.memory ? ['free some memory or use a larger machine'] : []),
  ];
  const two = roomNeeded(live, { ...copies, arms: 2 });
  if (copies.arms > 2 && two.disk <= room.disk && two.memory <= room.memory)
    ways.push('use --arms 1x1, which fits');
  const text = ways.join(', or ');
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

function found({ mongo, redis, folderBytes }: LiveSizes, arms: number): string {
  const parts = [
    ...(mongo === undefined
      ? []
      : [`Mongo ${formatBytes(mongo.dataBytes)} in ${Math.round(mongo.documents)} documents`]),
    ...(redis === undefined ? [] : [`Redis ${formatBytes(redis.memoryBytes)}`]),
    ...(folderBytes === 0 ? [] : [`folders ${formatBytes(folderBytes)}`]),
  ];
  return `${parts.join(', ')}; to be copied for golden and ${arms} arms`;
}
