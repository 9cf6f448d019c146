export { ProxyControl, type ProxyControlOptions } from './control.js';
export { ProxyExchangeSource } from './exchange-source.js';
export { parseHeaderFields } from './header-fields.js';
export type { ProxyIdentity, ProxyProcessOptions, ProxyReplacement, ProxySettings } from './options.js';
export { ProxyProcess } from './process.js';
