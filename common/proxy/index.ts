export { ProxyControl, type ProxyControlOptions } from './control.js';
export { ProxyExchangeSource } from './exchange-source.js';
export { parseHeaderFields } from './header-fields.js';
export { ProxyProcess, type ProxyProcessOptions, type ProxySettings } from './process.js';
