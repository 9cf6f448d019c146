/** The federation, for programs: its API as a client, and its home folder. The CLI is `federate`. */
export type { Cluster, FederationStatus, Operation, Upgrade } from './api/schemas.js';
export { FederationClient, type ShadowTold } from './client/client.js';
export { Home } from './home/home.js';
