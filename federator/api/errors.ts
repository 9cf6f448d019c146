import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { MongoNetworkError, MongoServerSelectionError } from 'mongodb';
import { DharmaError, messageOf, type DharmaErrorJson, type Logger } from '../../common/index.js';

/** Answers whatever was thrown as `{error: {code, message, found, remedy}}`. */
export function errorHandler(log: Logger) {
  return async (error: FastifyError, request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { status, body } = answerTo(error, request);
    if (status >= 500)
      log.error({ url: request.url, error: error.stack ?? messageOf(error) }, 'request failed');
    await reply.code(status).send({ error: body });
  };
}

function answerTo(error: FastifyError, request: FastifyRequest): { status: number; body: DharmaErrorJson } {
  if (error instanceof DharmaError) return { status: error.httpStatus, body: error.toJSON() };
  if (hasZodFastifySchemaValidationErrors(error))
    return {
      status: 400,
      body: {
        code: 'REQUEST_INVALID',
        message: error.validation.map((issue) => `${issue.instancePath || '/'}: ${issue.message}`).join('; '),
        remedy: `See what ${request.method} ${request.routeOptions.url ?? ''} takes in /v1/openapi.json.`,
      },
    };
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError)
    return {
      status: 503,
      body: {
        code: 'STORE_UNAVAILABLE',
        message: "the federation's MongoDB does not answer",
        remedy: 'It is restarted by itself; try again, and look with: federate doctor',
      },
    };
  const status = error.statusCode ?? 500;
  if (status < 500)
    return {
      status,
      body: {
        code: error.code ?? 'REQUEST_INVALID',
        message: error.message,
        remedy: 'See /v1/openapi.json.',
      },
    };
  return {
    status,
    body: {
      code: 'INTERNAL',
      message: messageOf(error),
      remedy: 'Look into the log with: federate logs federator',
    },
  };
}
