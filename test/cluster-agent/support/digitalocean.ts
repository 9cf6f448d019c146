import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface FakeDroplet {
  readonly id: number;
  readonly name: string;
  readonly tags: string[];
  readonly size_slug: string;
  readonly status: string;
}

/** What the next request meets instead of the usual answer. */
export type Mishap = 'busy' | 'created-then-busy' | 'created-then-cut' | 'silent' | 'garbage';

/** A control plane on loopback in the shape of DigitalOcean's: droplets by tag, sizes, reserved addresses, pages. */
export class FakeDigitalOcean {
  readonly droplets: FakeDroplet[] = [];
  readonly requests: { readonly method: string; readonly path: string; readonly body: unknown }[] = [];
  readonly assigned = new Map<string, number>();
  readonly sizes = Array.from({ length: 250 }, (_, i) => ({
    slug: `s-${i}`,
    price_hourly: i / 1000,
    price_monthly: i,
  }));
  readonly mishaps: Mishap[] = [];
  url = '';
  #next = 1;

  static async start(): Promise<FakeDigitalOcean> {
    const fake = new FakeDigitalOcean();
    const server = createServer((request, response) => void fake.#handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return fake;
  }

  count(method: string): number {
    return this.requests.filter((request) => request.method === method).length;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const method = request.method!;
    const url = new URL(request.url!, this.url);
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    this.requests.push({ method, path: url.pathname, body });
    if (request.headers.authorization !== 'Bearer good')
      return send(response, 401, error('unauthorized', 'Unable to authenticate you'));
    const mishap = method === 'POST' ? this.mishaps.shift() : undefined;
    if (mishap === 'silent') return;
    if (mishap === 'busy') return send(response, 429, error('too_many_requests', 'API rate limit exceeded.'));
    if (mishap === 'garbage') return send(response, 202, { droplet: { id: 'seven' } });
    if (method === 'GET' && url.pathname === '/v2/droplets') return this.#list(url, response);
    if (method === 'GET' && url.pathname === '/v2/sizes') return page(url, 'sizes', this.sizes, response);
    if (method === 'POST' && url.pathname === '/v2/droplets') {
      const droplet = this.#create(body as FakeDroplet & { size: string });
      if (mishap === 'created-then-busy')
        return send(response, 503, error('service_unavailable', 'try later'));
      if (mishap === 'created-then-cut') return void response.destroy();
      return send(response, 202, { droplet, links: { actions: [] } });
    }
    if (method === 'DELETE') return this.#remove(Number(url.pathname.split('/').at(-1)), response);
    const address = /^\/v2\/reserved_ips\/([\d.]+)\/actions$/.exec(url.pathname)?.[1];
    if (address === undefined)
      return send(response, 404, error('not_found', 'The resource you requested could not be found.'));
    const { droplet_id: id } = body as { droplet_id: number };
    if (!this.droplets.some((droplet) => droplet.id === id))
      return send(response, 422, error('unprocessable_entity', 'Droplet already has a pending event.'));
    this.assigned.set(address, id);
    return send(response, 201, { action: { id: 1, status: 'in-progress', type: 'assign_ip' } });
  }

  #create({ name, tags, size }: { name: string; tags: string[]; size: string }): FakeDroplet {
    const droplet = dropletOf(this.#next++, name, tags, size);
    this.droplets.push(droplet);
    return droplet;
  }

  #list(url: URL, response: ServerResponse): void {
    const tag = url.searchParams.get('tag_name');
    page(
      url,
      'droplets',
      this.droplets.filter(({ tags }) => tag === null || tags.includes(tag)),
      response,
    );
  }

  #remove(id: number, response: ServerResponse): void {
    const index = this.droplets.findIndex((droplet) => droplet.id === id);
    if (index < 0)
      return send(response, 404, error('not_found', 'The resource you requested could not be found.'));
    this.droplets.splice(index, 1);
    response.writeHead(204).end();
  }
}

/** A droplet with every field that the API's description requires. */
export function dropletOf(id: number, name: string, tags: string[], size: string) {
  const v4 = [
    { ip_address: `203.0.113.${id}`, netmask: '255.255.255.0', gateway: '203.0.113.1', type: 'public' },
    { ip_address: `10.1.0.${id}`, netmask: '255.255.0.0', gateway: '10.1.0.1', type: 'private' },
  ];
  return {
    id,
    name,
    memory: 1024,
    vcpus: 1,
    disk: 25,
    locked: false,
    status: 'new',
    created_at: '2026-01-01T00:00:00Z',
    features: ['private_networking'],
    backup_ids: [],
    next_backup_window: null,
    snapshot_ids: [],
    image: { id: 1, slug: 'ubuntu-24-04-x64' },
    volume_ids: [],
    size: { slug: size },
    size_slug: size,
    networks: { v4, v6: [] },
    region: { slug: 'fra1' },
    tags,
    kernel: null,
  };
}

function page(url: URL, key: string, items: readonly unknown[], response: ServerResponse): void {
  const size = Number(url.searchParams.get('per_page') ?? 20);
  const at = Number(url.searchParams.get('page') ?? 1);
  const more = at * size < items.length;
  const pages = more ? { next: `${url.origin}${url.pathname}?page=${at + 1}` } : {};
  send(response, 200, {
    [key]: items.slice((at - 1) * size, at * size),
    links: { pages },
    meta: { total: items.length },
  });
}

function error(id: string, message: string): unknown {
  return { id, message, request_id: 'r' };
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
