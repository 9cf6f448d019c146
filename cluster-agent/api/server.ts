import { chmod, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  DharmaError,
  ExitCode,
  parseConfig,
  type CallQueue,
  type Logger,
  type SizingExplanation,
} from '../../common/index.js';
import type { Agent } from '../agent/agent.js';
import { specSchema } from '../agent/spec-schema.js';
import { emptyStatus } from '../agent/status.js';
import { encodeCallLine } from './call-lines.js';
import { agentSocket, clearStaleSocket } from './socket.js';

/** A spec carries manifests and lists of installed packages; thousands of either stay below this. */
const LARGEST_SPEC_BYTES = 32 * 1024 * 1024;

const logsQuery = z.strictObject({
  node: z.string().optional(),
  bytes: z.coerce.number().int().min(1).max(1_048_576).default(16_384),
});

export interface AgentServerOptions {
  readonly name: string;
  readonly dir: string;
  readonly agent: Agent;
  readonly log: Logger;
}

/**
 * The agent's API on its unix socket (mode 0600): `PUT /spec`, `GET /status`, `GET /explanation`,
 * `GET /size-plan`, `POST /proxy/replace`, `GET /logs`, `GET /outbound`, `GET /health`.
 * Errors are `{"error": {code, message, found?, remedy}}`. Close it before the agent. Error: AGENT_RUNNING.
 */
export async function serveAgent(options: AgentServerOptions): Promise<{ close(): Promise<void> }> {
  const { name, dir, agent } = options;
  const path = agentSocket(dir);
  await clearStaleSocket(path);
  const app = fastify({ bodyLimit: LARGEST_SPEC_BYTES, forceCloseConnections: true });
  app.setErrorHandler(async (error, _request, reply) => {
    const shown = asDharmaError(error);
    if (shown === undefined) options.log.error({ error }, 'a request failed');
    return reply
      .status(shown?.httpStatus ?? 500)
      .send({ error: shown ?? { code: 'INTERNAL', message: 'the agent failed', remedy: 'Read its log.' } });
  });
  app.get('/health', async () => ({ ok: true, name, pid: process.pid }));
  app.get('/status', async () => agent.status() ?? emptyStatus(name));
  app.put('/spec', async ({ body }) => {
    await agent.put(parseConfig(specSchema, body, 'the spec'));
    return agent.status();
  });
  app.get('/explanation', async () => decided(agent.explanation()));
  app.get('/size-plan', async () => decided(await agent.sizePlan()));
  app.post('/proxy/replace', async () => agent.replaceProxy());
  app.get('/logs', async ({ query }) => {
    const { node, bytes } = parseConfig(logsQuery, query, 'the query');
    return agent.logs(node, bytes);
  });
  streamCalls(app, agent);
  await app.listen({ path });
  await chmod(path, 0o600);
  return {
    close: async () => {
      await app.close();
      await rm(path, { force: true });
    },
  };
}

/** Error: NOTHING_DECIDED. */
function decided(explanation: SizingExplanation | undefined): SizingExplanation {
  if (explanation !== undefined) return explanation;
  throw new DharmaError({
    code: 'NOTHING_DECIDED',
    message: 'the size of this cluster was not decided yet',
    remedy: 'Wait until it serves, and one "reconfigure" interval more; see: federate status',
    httpStatus: 409,
  });
}

function streamCalls(app: FastifyInstance, agent: Agent): void {
  app.get('/outbound', async (request, reply) => {
    const queue = agent.calls.subscribe();
    whenGone(request, () => agent.calls.unsubscribe(queue));
    return reply.type('application/x-ndjson').send(Readable.from(callLines(queue)));
  });
}

function whenGone({ raw }: FastifyRequest, leave: () => Promise<void>): void {
  raw.socket.once('close', () => void leave());
}

/** A first empty line tells the reader that it is subscribed. */
async function* callLines(queue: CallQueue): AsyncGenerator<string> {
  yield '\n';
  let told = 0;
  for await (const call of queue) {
    if (queue.lost > told) yield encodeCallLine({ dropped: queue.lost - told });
    told = queue.lost;
    yield encodeCallLine({ call });
  }
}

/** What the caller did wrong; undefined for a bug. */
function asDharmaError(error: unknown): DharmaError | undefined {
  if (error instanceof DharmaError) return error;
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status !== 'number' || status >= 500) return undefined;
  return new DharmaError({
    code: 'BAD_REQUEST',
    message: (error as Error).message,
    remedy: 'Correct the request.',
    exitCode: ExitCode.usage,
    httpStatus: status,
  });
}
