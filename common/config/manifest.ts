import { z } from 'zod';
import { durationSchema } from '../duration.js';
import { redactionRuleSchema } from './redaction.js';
import { scheduleProblem } from './schedule.js';

/** Names of clusters, apps, endpoints' apps: short, safe in paths and host names. */
export const nameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'expected a name: a-z first, then a-z, 0-9 or "-", 32 characters at most');

const envNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable');

/** `/orders/:id`, `/files/*path`. Checked here so that a wrong one never reaches a proxy. */
export const routePatternSchema = z.string().superRefine((pattern, context) => {
  const problem = routePatternProblem(pattern);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** Why `pattern` cannot be a route, or undefined when it can. */
export function routePatternProblem(pattern: string): string | undefined {
  if (!pattern.startsWith('/')) return 'expected a path that starts with "/"';
  if (/[\s?#]/.test(pattern)) return 'expected a path without spaces, "?" or "#"';
  const segments = pattern.slice(1).split('/');
  const seen = new Set<string>();
  for (const [index, segment] of segments.entries()) {
    if (segment === '' && index < segments.length - 1) return 'expected no empty segment ("//")';
    const marker = segment[0];
    if (marker !== ':' && marker !== '*') {
      if (/[:*]/.test(segment)) return `expected ":" or "*" only at the start of a segment, as in "/:id"`;
      continue;
    }
    const name = segment.slice(1);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      return `expected a name after "${marker}", as in "/:id" or "/*rest"`;
    if (seen.has(name)) return `expected each name once, "${name}" stands twice`;
    if (marker === '*' && index < segments.length - 1) return '"*rest" can only be the last segment';
    seen.add(name);
  }
  return undefined;
}

const methodSchema = z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** One request of a route test, and what its answer must be. */
const routeTestSchema = z.strictObject({
  method: methodSchema.default('GET'),
  /** Path and query, literal. */
  path: z.string().startsWith('/', 'expected a path that starts with "/"'),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().optional(),
  expect: z
    .strictObject({
      status: z.int().min(100).max(599).default(200),
      /** Text the body must contain. */
      contains: z.string().optional(),
      headers: z.record(z.string(), z.string()).optional(),
    })
    .prefault({}),
  /** Whether the short load that gives perfAvg may repeat it: false for what has effects that must not pile up. */
  load: z.boolean().optional(),
});

export type RouteTest = z.output<typeof routeTestSchema>;

/** Requests a second, of which `burst` (default: a second's worth) may come at once. */
export const rateSchema = z.strictObject({
  rate: z.number().min(0.001).max(1_000_000),
  burst: z.int().min(1).max(1_000_000).optional(),
});

const routeSchema = z.strictObject({
  pattern: routePatternSchema,
  /** Default: every method. */
  methods: z.array(methodSchema).min(1).optional(),
  /** Default: the pattern, with the method before it where there is just one. */
  endpoint: z.string().min(1).max(128).optional(),
  class: z.enum(['app', 'asset', 'realtime']).default('app'),
  sticky: z.enum(['none', 'ip', 'cookie']).default('none'),
  /** Kept to the nodes of this class, in clusters whose `nodeClasses` has it. Routes of one endpoint must agree. */
  nodeClass: nameSchema.optional(),
  /** Requests a second over all clients, above: 503. Routes of one endpoint must agree. */
  limit: rateSchema.optional(),
  test: routeTestSchema.optional(),
});

/** What the app does by itself at set times, told so that there are nodes for it: dharma does not start it (`defineCron` does). */
const cronSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/, 'expected a letter, then letters, digits, ".", "_", "-"'),
    /** Minute, hour, day of month, month, day of week; six fields: seconds first. */
    schedule: z.string(),
    /** IANA name. */
    timezone: z.string().default('UTC'),
  })
  .superRefine((cron, context) => {
    const problem = scheduleProblem(cron);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: ['schedule'], message: problem });
  });

/** What a shadow's arms are told by a partner that live did not call: the guard answers with it, and passes nothing on. */
const stubSchema = z.strictObject({
  /** The env variable that holds the partner's address. */
  destination: envNameSchema,
  /** Default: every method. */
  methods: z.array(methodSchema).min(1).optional(),
  /** Of the path as the partner sees it. */
  pattern: routePatternSchema,
  status: z.int().min(200).max(599).default(200),
  headers: z.record(z.string(), z.string()).default({}),
  /** A text as it is; anything else as JSON. */
  body: z.json().optional(),
});

export type OutboundStub = z.output<typeof stubSchema>;

const plainManifestSchema = z.strictObject({
  $schema: z.string().optional(),
  name: nameSchema,
  /** Default: `npm start`'s script where it is one command, else package.json's `main`. */
  command: z.array(z.string().min(1)).min(1).optional(),
  routes: z.array(routeSchema).default([]),
  /**
   * The app has tasks (dharma/tasks), and nodes of their own for them. `command` starts one; default: the app's, which finds
   * `worker` in DHARMA_ROLE, where its other nodes find `router`.
   */
  worker: z.strictObject({ command: z.array(z.string().min(1)).min(1).optional() }).optional(),
  /** When the app does work of its own accord, besides what it defines by `defineCron`. */
  crons: z.array(cronSchema).optional(),
  /** A request that answers 2xx when the node is up. Default: it accepts a connection. */
  health: z.strictObject({ path: z.string().startsWith('/') }).optional(),
  /** How long a node may take until it listens. */
  readyTimeout: durationSchema.prefault('30s'),
  /** Under which names the app wants the stores' URIs. */
  stores: z
    .strictObject({ mongo: envNameSchema.default('MONGO_URL'), redis: envNameSchema.default('REDIS_URL') })
    .prefault({}),
  /** Env variables that hold addresses the app calls out to, with their live values. */
  outbound: z.record(envNameSchema, z.url('expected a URL')).default({}),
  /** Other env of the app. */
  env: z.record(envNameSchema, z.string()).default({}),
  /** Env variables that name folders the app writes to; each gets one of its own, shared by a cluster's nodes, and mirrored in a shadow. */
  writable: z.record(envNameSchema, nameSchema).default({}),
  /** What reports of a shadow do not keep, besides the usual secrets: names of header fields, JSON paths (`$.card.number`, `$..pin`). */
  redact: z.array(redactionRuleSchema).default([]),
  /** Answers for calls that the update makes and live did not. The first that fits is given. */
  stubs: z.array(stubSchema).default([]),
});

/** `dharma.json` in the app's folder. All of it is optional: an app without one runs with the defaults. */
export const manifestSchema = plainManifestSchema.superRefine(({ stubs, outbound }, context) => {
  for (const [i, { destination }] of stubs.entries())
    if (!Object.hasOwn(outbound, destination))
      context.addIssue({
        code: 'custom',
        path: ['stubs', i, 'destination'],
        message: `expected a name that stands in "outbound" (${Object.keys(outbound).join(', ') || 'it is empty'})`,
      });
});

export type CronConfig = z.output<typeof cronSchema>;

export type AppManifest = z.output<typeof manifestSchema>;
export type RouteConfig = AppManifest['routes'][number];

/** The name telemetry and reports use for a route. */
export function endpointName(route: Pick<RouteConfig, 'pattern' | 'methods' | 'endpoint'>): string {
  if (route.endpoint !== undefined) return route.endpoint;
  return route.methods?.length === 1 ? `${route.methods[0]} ${route.pattern}` : route.pattern;
}
