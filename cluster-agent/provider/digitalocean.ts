import { z } from 'zod';
import { DharmaError, isLate, messageOf, throwIfAborted, withDeadline } from '../../common/index.js';
import { callDots, type DotsCall, type RawAnswer } from './dots-client.js';
import { busy, notAnswering, refused, sizeUnknown, unreadable } from './provider-errors.js';
import type { Host, HostIntent, HostPrice, Provider } from './provider.js';

export interface DigitalOceanOptions {
  readonly token: string;
  /** A region's slug, such as `fra1`. */
  readonly region: string;
  /** An image's slug, such as `ubuntu-24-04-x64`. */
  readonly image: string;
  /** Ids or fingerprints of ssh keys. */
  readonly sshKeys?: readonly string[];
  /** Cloud-init of a new droplet. */
  readonly userData?: string;
  readonly baseUrl?: string;
  /** How long one call may take, ms. */
  readonly callDeadlineMs?: number;
}

/** The control plane answers in a second or two; a create, before the droplet is up, in five at most. */
const DEFAULT_CALL_DEADLINE_MS = 30_000;
/** As many as a page may have. */
const PAGE = 200;
const DHARMA_TAG = 'dharma';

const dropletSchema = z.looseObject({
  id: z.int(),
  name: z.string(),
  status: z.enum(['new', 'active', 'off', 'archive']),
  size_slug: z.string(),
  tags: z.array(z.string()),
  networks: z
    .looseObject({ v4: z.array(z.looseObject({ ip_address: z.string(), type: z.string() })).default([]) })
    .default({ v4: [] }),
});
type Droplet = z.output<typeof dropletSchema>;

const linksSchema = z
  .looseObject({ pages: z.looseObject({ next: z.string().optional() }).optional() })
  .optional();
const dropletPage = z.looseObject({ droplets: z.array(dropletSchema), links: linksSchema });
const sizePage = z.looseObject({
  sizes: z.array(z.looseObject({ slug: z.string(), price_hourly: z.number(), price_monthly: z.number() })),
  links: linksSchema,
});
const created = z.looseObject({ droplet: dropletSchema });
const nothing = z.unknown();

/** Droplets as hosts. Every wish carries its intent as a tag, by which a host that was made already is found again. */
export class DigitalOceanProvider implements Provider {
  readonly name = 'digitalocean';
  /** It looks for the host, asks for it, and looks again where the answer was unclear. */
  readonly createWithinMs = 90_000;
  readonly #options: DigitalOceanOptions;

  constructor(options: DigitalOceanOptions) {
    this.#options = options;
  }

  async create(intent: HostIntent, signal: AbortSignal): Promise<Host> {
    const before = await this.#byIntent(intent.intent, signal);
    if (before !== undefined) return before;
    try {
      return await this.#create(intent, signal);
    } catch (error) {
      // It may have been made all the same: an answer that is lost says nothing about the droplet.
      if (!(error instanceof DharmaError) || !MAY_HAVE_BEEN_MADE.has(error.code)) throw error;
      const made = await this.#byIntent(intent.intent, signal);
      if (made === undefined) throw error;
      return made;
    }
  }

  async destroy(hostId: string, signal: AbortSignal): Promise<void> {
    const call: DotsCall = (client, options) =>
      client.v2.droplets.byDroplet_id(Number(hostId)).delete({ options });
    await this.#call(call, nothing, signal, [404]);
  }

  async list(cluster: string, signal: AbortSignal): Promise<readonly Host[]> {
    return (await this.#tagged(clusterTag(cluster), signal)).map(hostOf);
  }

  async price(size: string, signal: AbortSignal): Promise<HostPrice> {
    for (let page = 1; ; page++) {
      const queryParameters = { page, perPage: PAGE };
      const call: DotsCall = (client, options) => client.v2.sizes.get({ queryParameters, options });
      const { sizes, links } = await this.#call(call, sizePage, signal);
      const found = sizes.find(({ slug }) => slug === size);
      if (found !== undefined) return { size, hourly: found.price_hourly, monthly: found.price_monthly };
      if (links?.pages?.next === undefined) throw sizeUnknown(size);
    }
  }

  async moveAddress(address: string, hostId: string, signal: AbortSignal): Promise<void> {
    const body = { type: 'assign', dropletId: Number(hostId) } as const;
    const call: DotsCall = (client, options) =>
      client.v2.reserved_ips.byReserved_ip(address).actions.post(body, { options });
    await this.#call(call, nothing, signal);
  }

  async #create({ intent, name, cluster, size }: HostIntent, signal: AbortSignal): Promise<Host> {
    const { region, image, sshKeys, userData } = this.#options;
    const body = {
      name,
      region,
      size,
      image,
      tags: [DHARMA_TAG, clusterTag(cluster), intentTag(intent)],
      ...(sshKeys === undefined ? {} : { sshKeys }),
      ...(userData === undefined ? {} : { userData }),
    };
    const call: DotsCall = (client, options) => client.v2.droplets.post(body, { options });
    return hostOf((await this.#call(call, created, signal)).droplet);
  }

  async #byIntent(intent: string, signal: AbortSignal): Promise<Host | undefined> {
    // Two may stand where two asked at the same time; both then take the older one.
    const droplets = await this.#tagged(intentTag(intent), signal);
    const oldest = droplets.sort((a, b) => a.id - b.id)[0];
    return oldest && hostOf(oldest);
  }

  async #tagged(tagName: string, signal: AbortSignal): Promise<Droplet[]> {
    const found: Droplet[] = [];
    for (let page = 1; ; page++) {
      const queryParameters = { tagName, page, perPage: PAGE };
      const call: DotsCall = (client, options) => client.v2.droplets.get({ queryParameters, options });
      const { droplets, links } = await this.#call(call, dropletPage, signal);
      found.push(...droplets);
      if (links?.pages?.next === undefined) return found;
    }
  }

  /** One call and what its answer holds; a status in `allowed` is as good as success, without an answer. */
  async #call<T extends z.ZodType>(
    call: DotsCall,
    schema: T,
    signal: AbortSignal,
    allowed: readonly number[] = [],
  ): Promise<z.output<T>> {
    const {
      token,
      baseUrl = 'https://api.digitalocean.com',
      callDeadlineMs = DEFAULT_CALL_DEADLINE_MS,
    } = this.#options;
    const answer = await withDeadline(callDeadlineMs, signal, (deadline) =>
      callDots({ token, baseUrl }, call, deadline).catch((error: unknown) => {
        throwIfAborted(signal);
        throw notAnswering(
          this.name,
          isLate(deadline) ? `no answer within ${callDeadlineMs} ms` : messageOf(error),
        );
      }),
    );
    if (allowed.includes(answer.status)) return schema.parse(undefined);
    if (answer.status >= 400) throw failure(this.name, answer);
    const value = schema.safeParse(answer.text === '' ? undefined : parsed(answer.text));
    if (!value.success) throw unreadable(this.name, value.error.message);
    return value.data;
  }
}

/** After these it is not known whether the droplet was made. */
const MAY_HAVE_BEEN_MADE: ReadonlySet<string> = new Set([
  'PROVIDER_NOT_ANSWERING',
  'PROVIDER_BUSY',
  'PROVIDER_UNREADABLE',
]);

const BUSY: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

function failure(provider: string, { status, text }: RawAnswer): DharmaError {
  const said = z.looseObject({ id: z.string().optional(), message: z.string() }).safeParse(parsed(text));
  const words = said.success ? said.data.message : text.slice(0, 200);
  return BUSY.has(status) ? busy(provider, status, words) : refused(provider, status, words);
}

/** Undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // The schema, or the status, says what is wrong with it.
  }
}

function clusterTag(cluster: string): string {
  return `dharma-cluster:${cluster}`;
}

const INTENT_PREFIX = 'dharma-intent:';

function intentTag(intent: string): string {
  return `${INTENT_PREFIX}${intent}`;
}

function hostOf(droplet: Droplet): Host {
  const { v4 } = droplet.networks;
  const network = v4.find(({ type }) => type === 'private') ?? v4[0];
  const intent = droplet.tags.find((tag) => tag.startsWith(INTENT_PREFIX));
  return {
    id: String(droplet.id),
    name: droplet.name,
    address: network?.ip_address,
    size: droplet.size_slug,
    state: droplet.status === 'archive' ? 'archived' : droplet.status,
    intent: intent?.slice(INTENT_PREFIX.length) ?? '',
  };
}
