import { endpointName, type AppManifest, type Exchange } from '../common/index.js';
import { percentDecode } from './answer.js';
import { splitTarget } from './correlate/role.js';
import { strengthOf } from './correlate/tokens.js';

/** Endpoints told from paths alone, at most: a scan for random paths must not grow the report without end. */
const MOST_TEMPLATES = 500;

const NO_ENDPOINT = '*';

/**
 * Names an exchange's endpoint: as the proxy matched it; else by the manifest's routes; else by its path, with what
 * looks like an id as `:id`.
 */
export class Endpoints {
  readonly #routes: AppManifest['routes'];
  readonly #templates = new Set<string>();

  constructor(routes: AppManifest['routes']) {
    this.#routes = routes;
  }

  get declared(): readonly string[] {
    return this.#routes.map(endpointName);
  }

  of(exchange: Pick<Exchange, 'endpoint' | 'method' | 'target'>): string {
    if (exchange.endpoint !== '' && exchange.endpoint !== NO_ENDPOINT) return exchange.endpoint;
    const route = this.#routes.find((candidate) => matches(candidate, exchange));
    if (route !== undefined) return endpointName(route);
    const template = `${exchange.method} ${templateOf(exchange.target)}`;
    if (this.#templates.size >= MOST_TEMPLATES && !this.#templates.has(template)) return NO_ENDPOINT;
    this.#templates.add(template);
    return template;
  }
}

/** Whether a route's method and pattern are those of a request. */
export function matches(
  route: Pick<AppManifest['routes'][number], 'methods' | 'pattern'>,
  exchange: Pick<Exchange, 'method' | 'target'>,
): boolean {
  if (route.methods !== undefined && !route.methods.some((method) => method === exchange.method))
    return false;
  const pattern = route.pattern.split('/');
  const { segments } = splitTarget(exchange.target);
  const rest = pattern.at(-1)?.startsWith('*') === true;
  if (rest ? segments.length < pattern.length : segments.length !== pattern.length) return false;
  return pattern.every(
    (part, i) => part.startsWith('*') || (part.startsWith(':') ? segments[i] !== '' : part === segments[i]),
  );
}

function templateOf(target: string): string {
  const { segments } = splitTarget(target);
  return segments
    .map((segment) => (segment === '' || strengthOf(percentDecode(segment)) === 'plain' ? segment : ':id'))
    .join('/');
}
