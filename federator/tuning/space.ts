import type { TuningSettings } from '../home/settings.js';
import type { Dimension, PointValue, Space, TunedKey } from './point.js';

/** The space that the operator's settings leave. Pure. */
export function spaceOf({
  waitMultiplier,
  reconfigure,
  shortShare,
  standby,
  grouping,
  nodeSize,
}: TuningSettings): Space {
  const ranges = { waitMultiplier, reconfigure, shortShare };
  const lists: Readonly<Record<'standby' | 'grouping' | 'nodeSize', readonly PointValue[] | false>> = {
    standby,
    grouping,
    nodeSize,
  };
  const dimensions: [TunedKey, Dimension][] = [];
  for (const [key, bounds] of Object.entries(ranges) as [keyof typeof ranges, false | [number, number]][])
    if (bounds !== false) dimensions.push([key, { kind: 'range', least: bounds[0], most: bounds[1] }]);
  for (const [key, values] of Object.entries(lists) as [keyof typeof lists, false | readonly PointValue[]][])
    if (values !== false) dimensions.push([key, { kind: 'list', values }]);
  return Object.fromEntries(dimensions);
}
