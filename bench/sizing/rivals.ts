import type { Policy, Sight } from './simulate.js';

/** A rival with the one knob that trades cost for waiting: the utilisation it aims at. */
export interface Rival {
  readonly name: string;
  /** Its usual setting. */
  readonly usual: number;
  readonly make: (target: number) => Policy;
}

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** As many as the last tick's mean needs at the target. */
const reactive: Rival = {
  name: 'reactive',
  usual: 0.7,
  make:
    (target) =>
    ({ seconds }) =>
      Math.ceil(average(seconds) / target),
};

/** Kubernetes' defaults. */
const HPA_TOLERANCE = 0.1;
const HPA_DOWN_STABLE_SECONDS = 300;

/**
 * The Horizontal Pod Autoscaler (v2, CPU utilisation): within the tolerance nothing changes; pods not yet ready count as
 * idle when it scales up; of the last five minutes' wishes the largest holds when it scales down. Its limit of 100 % or 4
 * pods per 15 s never binds at ticks of a minute here.
 */
const hpa: Rival = {
  name: 'HPA',
  usual: 0.7,
  make: (target) => {
    let wishes: { at: number; pods: number }[] = [];
    return ({ at, seconds, ready, starting }: Sight) => {
      const now = ready + starting;
      const busy = average(seconds.map((work) => Math.min(work, ready)));
      const wish = hpaWish(busy, ready, now, target);
      wishes = [...wishes.filter((old) => old.at > at - HPA_DOWN_STABLE_SECONDS), { at, pods: wish }];
      return wish >= now ? wish : Math.min(now, Math.max(...wishes.map(({ pods }) => pods)));
    };
  },
};

function hpaWish(busy: number, ready: number, now: number, target: number): number {
  const ratio = busy / ready / target;
  if (Math.abs(ratio - 1) <= HPA_TOLERANCE) return now;
  if (ratio < 1 || now === ready) return Math.ceil(ratio * ready);
  const damped = busy / now / target;
  return damped <= 1 + HPA_TOLERANCE ? now : Math.ceil(damped * now);
}

/** Knative's defaults. */
const PANIC_SECONDS = 6;
const PANIC_THRESHOLD = 2;
const MAX_DOWN_RATE = 2;

/** The Knative Pod Autoscaler (concurrency): a stable window of 60 s, a panic window of 6 s; no way down in a panic. */
const kpa: Rival = {
  name: 'KPA',
  usual: 0.7,
  make: (target) => {
    let panicUntil = -1;
    let panicPods = 0;
    return ({ at, seconds, ready, waiting }: Sight) => {
      const queued = waiting / PANIC_SECONDS;
      const stable = Math.max(Math.ceil(average(seconds) / target), Math.floor(ready / MAX_DOWN_RATE));
      const panic = Math.ceil((average(seconds.slice(-PANIC_SECONDS)) + queued) / target);
      if (panic >= PANIC_THRESHOLD * ready) panicUntil = at + 60;
      if (at >= panicUntil) {
        panicPods = 0;
        return stable;
      }
      panicPods = Math.max(panicPods, panic, ready);
      return panicPods;
    };
  },
};

export const RIVALS: readonly Rival[] = [hpa, kpa, reactive];
