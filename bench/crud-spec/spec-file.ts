export type Json = Record<string, unknown>;

export interface SpecTest {
  description: string;
  runOnRequirements?: Requirement[];
  skipReason?: string;
  operations: {
    name: string;
    object: string;
    arguments?: Json;
    expectError?: Json;
    expectResult?: unknown;
    ignoreResultAndError?: boolean;
  }[];
  outcome?: { collectionName: string; databaseName: string; documents: Json[] }[];
}

interface Requirement {
  minServerVersion?: string;
  maxServerVersion?: string;
  topologies?: string[];
  serverParameters?: Json;
}

export interface SpecFile {
  runOnRequirements?: Requirement[];
  createEntities?: Json[];
  initialData?: { collectionName: string; databaseName: string; documents: Json[]; createOptions?: Json }[];
  tests: SpecTest[];
}

/** The server version the embedded server follows, for the tests' requirements. */
const VERSION = [8, 0, 0];

function compareVersions(text: string): number {
  const parts = text.split('.').map(Number);
  for (let at = 0; at < 3; at++) {
    const difference = (VERSION[at] ?? 0) - (parts[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Why a test does not apply to this server; undefined when it does. */
export function notApplicable(requirements: Requirement[] | undefined): string | undefined {
  if (requirements === undefined) return undefined;
  const met = requirements.some(
    ({ minServerVersion: min, maxServerVersion: max, topologies, serverParameters }) =>
      (min === undefined || compareVersions(min) >= 0) &&
      (max === undefined || compareVersions(max) <= 0) &&
      (topologies === undefined || topologies.includes('single')) &&
      !Object.values(serverParameters ?? {}).includes(true),
  );
  if (met) return undefined;
  if (requirements.every(({ serverParameters = {} }) => Object.values(serverParameters).includes(true)))
    return "a mongod's server parameter";
  return requirements.every(({ topologies }) => topologies !== undefined && !topologies.includes('single'))
    ? 'another topology'
    : 'another server version';
}
