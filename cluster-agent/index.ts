/** The cluster agent: runs one cluster. The only door of cluster-agent/. */
export { createLauncher } from './launch/launcher.js';
export { createReleaseStore, type ReleaseStoreOptions } from './release/store.js';
