import { noisy, randomOf, type Trace } from './traces.js';

const DAY = 86_400;

function trace(name: string, days: number, seed: number, at: (second: number) => number): Trace {
  const means = new Float64Array(days * DAY);
  for (let s = 0; s < means.length; s += 1) means[s] = at(s);
  return noisy(name, means, seed);
}

const daily = (second: number): number => 6 + 3 * Math.sin((2 * Math.PI * second) / DAY);

/** Ten-fold within two minutes, gone in an hour, at a time nobody knows; once a day or so. */
export function flashCrowd(days = 7): Trace {
  const random = randomOf(11);
  const starts = Array.from({ length: days }, (_, day) => (day + 0.1 + 0.8 * random()) * DAY);
  return trace('flash crowd', days, 12, (s) => {
    const since = starts.map((start) => s - start).find((age) => age >= 0 && age < 4 * 3600);
    if (since === undefined) return daily(s);
    const crowd = since < 120 ? since / 120 : Math.exp(-(since - 120) / 1200);
    return daily(s) * (1 + 3 * crowd);
  });
}

/** Five minutes without any load, then everyone who waited comes back at once and tries again for a while. */
export function retryStorm(days = 7): Trace {
  const random = randomOf(21);
  const starts = Array.from({ length: days }, (_, day) => (day + 0.1 + 0.8 * random()) * DAY);
  return trace('outage, retry storm', days, 22, (s) => {
    const since = starts.map((start) => s - start).find((age) => age >= 0 && age < 1800);
    if (since === undefined) return daily(s);
    return since < 300 ? 0.05 * daily(s) : daily(s) * (1 + 1.5 * Math.exp(-(since - 300) / 120));
  });
}

/** A task at the top of each hour that takes three minutes and as much as the visitors do. */
export function cronSpikes(days = 7): Trace {
  return trace('cron spikes', days, 31, (s) => daily(s) + (s % 3600 < 180 ? 6 : 0));
}

/** Twice as much after a week, and nothing else. */
export function slowDrift(days = 7): Trace {
  return trace('slow drift', days, 41, (s) => 6 * (1 + s / (days * DAY)));
}

export function syntheticTraces(days = 7): Trace[] {
  return [flashCrowd(days), retryStorm(days), cronSpikes(days), slowDrift(days)];
}

/** The runs of `cronSpikes`, as an app announces them; s from the start. */
export function cronRuns(seconds: number): { from: number; to: number; work: number }[] {
  return Array.from({ length: Math.ceil(seconds / 3600) }, (_, hour) => ({
    from: hour * 3600,
    to: hour * 3600 + 180,
    work: 6,
  }));
}
