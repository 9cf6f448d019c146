import type { RequestInit as FetchInit } from 'undici';

/**
 * The calls of `@digitalocean/dots` that are used here. The package ships TypeScript sources of three megabytes instead
 * of declarations; compiling those with ours would take longer than all the rest, so its shape is stated instead.
 */
interface DotsModule {
  readonly DigitalOceanApiKeyAuthenticationProvider: new (token: string) => object;
  readonly createDigitalOceanClient: (adapter: object) => DotsClient;
}

interface CallOptions {
  readonly queryParameters?: { readonly tagName?: string; readonly page?: number; readonly perPage?: number };
  readonly options: readonly object[];
}

export interface DotsClient {
  readonly v2: {
    readonly droplets: {
      get(options: CallOptions): Promise<unknown>;
      post(body: DropletBody, options: CallOptions): Promise<unknown>;
      byDroplet_id(id: number): { delete(options: CallOptions): Promise<unknown> };
    };
    readonly sizes: { get(options: CallOptions): Promise<unknown> };
    readonly reserved_ips: {
      byReserved_ip(address: string): {
        readonly actions: {
          post(body: { type: 'assign'; dropletId: number }, options: CallOptions): Promise<unknown>;
        };
      };
    };
  };
}

export interface DropletBody {
  readonly name: string;
  readonly region: string;
  readonly size: string;
  readonly image: string;
  readonly tags: readonly string[];
  readonly sshKeys?: readonly string[];
  readonly userData?: string;
}

/** An answer before anything was read into it. */
export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

export interface DotsOptions {
  readonly token: string;
  readonly baseUrl: string;
}

/** One call: how its request is made, with the options that bring its answer back raw. */
export type DotsCall = (client: DotsClient, options: readonly object[]) => Promise<unknown>;

/**
 * Makes one call through dots and returns the answer as it came, whatever its status. Nothing is sent twice: the library's
 * own retry repeats a POST on 429, 503 and 504, so that one create can buy three droplets. Rejects with the signal's
 * reason, or with fetch's error when there is no answer.
 *
 * Answers are read raw because dots 1.19 with kiota 1.0.0-preview.109 cannot read a list of strings, such as `tags`
 * (microsoft/kiota-typescript#2135).
 */
export async function callDots(
  options: DotsOptions,
  call: DotsCall,
  signal: AbortSignal,
): Promise<RawAnswer> {
  const client = await createClient(options, signal);
  // As ResponseHandlerOption of @microsoft/kiota-abstractions, which is no dependency of ours.
  const raw = {
    getKey: () => 'ResponseHandlerOptionKey',
    responseHandler: {
      handleResponse: async (answer: Response): Promise<RawAnswer> => ({
        status: answer.status,
        text: await answer.text(),
      }),
    },
  };
  return (await call(client, [raw])) as RawAnswer;
}

async function createClient({ token, baseUrl }: DotsOptions, signal: AbortSignal): Promise<DotsClient> {
  // Loaded when first needed: it takes a second, and most clusters are local. The variable keeps the compiler out of it.
  const name: string = '@digitalocean/dots';
  const [dots, kiota] = await Promise.all([
    import(name) as Promise<DotsModule>,
    import('@microsoft/kiota-http-fetchlibrary'),
  ]);
  const send = async (url: string, init: RequestInit): Promise<Response> =>
    fetch(url, { ...init, ...plainBody(init), signal });
  const middlewares = kiota.MiddlewareFactory.getDefaultMiddlewares(send as typeof fetch).filter(
    (middleware) => !(middleware instanceof kiota.RetryHandler),
  );
  const http = new kiota.HttpClient(send, ...middlewares);
  const authentication = new dots.DigitalOceanApiKeyAuthenticationProvider(token);
  type Authentication = ConstructorParameters<typeof kiota.FetchRequestAdapter>[0];
  const adapter = new kiota.FetchRequestAdapter(authentication as Authentication, undefined, undefined, http);
  adapter.baseUrl = baseUrl;
  return dots.createDigitalOceanClient(adapter);
}

/** Bodies of union types leave kiota with every key twice, which JSON allows and not every reader does. */
function plainBody({ body }: RequestInit): Pick<FetchInit, 'body'> {
  if (!(body instanceof ArrayBuffer || ArrayBuffer.isView(body) || typeof body === 'string')) return {};
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  return text === '' ? {} : { body: JSON.stringify(JSON.parse(text)) };
}
