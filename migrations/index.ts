/** The steps of the federation's Mongo schema and their runner. */
export { migrate, pendingSteps, STEPS, type MigrateOptions, type MigrationOutcome } from './runner.js';
export type { MigrationStep } from './step.js';
