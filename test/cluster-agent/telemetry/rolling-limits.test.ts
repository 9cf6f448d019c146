import { describe, expect, it } from 'vitest';
import type { LimitsFrame } from '../../../common/index.js';
import { RollingLimits } from '../../../cluster-agent/telemetry/rolling-limits.js';

const frame = (more: Partial<LimitsFrame>): LimitsFrame => ({
  kind: 'Limits',
  worker: 0,
  measure: false,
  waiting: 0,
  queued: 0,
  queueFull: 0,
  queueExpired: 0,
  clientConnections: 0,
  forgotten: 0,
  endpoints: [],
  nodesOut: [],
  ...more,
});

describe('rolling limits', () => {
  it('add up workers and processes: what waits as told last, what waited within the window', () => {
    const limits = new RollingLimits(1000);
    limits.add(frame({ waiting: 2, queued: 5, queueFull: 1 }), 0, 7);
    limits.add(frame({ worker: 1, waiting: 1, queued: 1 }), 500, 7);
    limits.add(frame({ waiting: 4, queueExpired: 2 }), 600, 8);
    expect(limits.window(1000)).toMatchObject({ waiting: 7, queued: 6, refused: 3 });
    limits.forget(7);
    expect(limits.window(1001)).toMatchObject({ waiting: 4, queued: 1, refused: 2 });
    limits.add(frame({}), 1700, 8);
    expect(limits.window(1700)).toMatchObject({ waiting: 0, queued: 0, refused: 0 });
  });

  it('tell which nodes are left out now, and whether anybody is refused at all', () => {
    const limits = new RollingLimits(1000);
    expect(limits.window(0)).toMatchObject({ measure: false, nodesOut: [] });
    const nodesOut = [{ node: 'n', ejected: true, unhealthy: false }];
    limits.add(frame({ measure: true, nodesOut }), 0, 7);
    expect(limits.window(9999)).toMatchObject({ measure: true, nodesOut });
    limits.add(frame({ worker: 1 }), 1, 7);
    expect(limits.window(9999)).toMatchObject({ measure: false, nodesOut: [] });
  });
});
