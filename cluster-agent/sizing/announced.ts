import { MOST_WORK, type AnnouncedRun, type SizingConfig, type SizingInput } from './input.js';

/** Work of announced runs at a moment, in nodes. What cannot be is not counted. */
export function announcedAt(announced: readonly AnnouncedRun[], at: number): number {
  return announced
    .filter(({ from, to, work }) => from <= at && at < to && Number.isFinite(work) && work > 0)
    .reduce((sum, { work }) => sum + Math.min(work, MOST_WORK), 0);
}

/** The most of it until the nodes of the next decision would be ready. */
export function announcedAhead(
  { announced, observation, readyMs }: SizingInput,
  { reconfigureMs }: SizingConfig,
): number {
  const { at } = observation;
  const starts = announced
    .map(({ from }) => from)
    .filter((from) => from > at && from <= at + readyMs + reconfigureMs);
  return Math.max(...[at, ...starts].map((moment) => announcedAt(announced, moment)));
}
