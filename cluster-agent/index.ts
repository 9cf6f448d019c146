/** The cluster agent: runs one cluster. The only door of cluster-agent/. */
export { Agent, type AgentOptions } from './agent/agent.js';
export type { NodeLog } from './agent/logs.js';
export type { AgentCallSource } from './api/call-source.js';
export { AgentClient } from './api/client.js';
export { serveAgent, type AgentServerOptions } from './api/server.js';
export { agentSocket } from './api/socket.js';
export { createLauncher } from './launch/launcher.js';
export { DigitalOceanProvider, type DigitalOceanOptions } from './provider/digitalocean.js';
export { LocalProvider } from './provider/local.js';
export type { Host, HostIntent, HostPrice, Provider } from './provider/provider.js';
export { createReleaseStore, type ReleaseStoreOptions } from './release/store.js';
