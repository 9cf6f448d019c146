import { PREFIX } from './settings.js';

/** The crons of an app, by name; JSON of `StandingCron`. Read by the agent, which sizes ahead of them. */
export const CRONS_KEY = `${PREFIX}:crons`;

/** When each cron was last said to be defined by a process that lives; a sorted set by Redis' clock, ms. */
export const DEFINED_KEY = `${PREFIX}:defined`;

/** The names of all tasks that processes take, and the clusters whose timings there are; sets. */
export const NAMES_KEY = `${PREFIX}:names`;
export const CLUSTERS_KEY = `${PREFIX}:clusters`;
