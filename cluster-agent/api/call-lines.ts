import { z } from 'zod';
import type { OutboundCall } from '../../common/index.js';

/** One line of `GET /outbound`: a recorded call, or how many this reader lost because it was slow. */
export type CallLine = { readonly call: OutboundCall } | { readonly dropped: number };

const headersSchema = z.array(z.tuple([z.string(), z.string()]));
const bodySchema = z.base64().transform((text): Uint8Array => Buffer.from(text, 'base64'));

const lineSchema = z.union([
  z.strictObject({ dropped: z.int().min(0) }),
  z.strictObject({
    call: z.strictObject({
      exchangeId: z.string().optional(),
      at: z.number(),
      destination: z.string(),
      method: z.string(),
      target: z.string(),
      requestHeaders: headersSchema,
      requestBody: bodySchema,
      response: z.strictObject({ status: z.int(), headers: headersSchema, body: bodySchema }).optional(),
    }),
  }),
]);

/** As one line of JSON, bodies in base64, with the newline. */
export function encodeCallLine(line: CallLine): string {
  if ('dropped' in line) return `${JSON.stringify(line)}\n`;
  const { requestBody, response, ...rest } = line.call;
  const call = {
    ...rest,
    requestBody: base64(requestBody),
    ...(response === undefined ? {} : { response: { ...response, body: base64(response.body) } }),
  };
  return `${JSON.stringify({ call })}\n`;
}

/** Throws on a line that is none. */
export function decodeCallLine(text: string): CallLine {
  const line = lineSchema.parse(JSON.parse(text));
  if ('dropped' in line) return line;
  const { exchangeId, response, ...rest } = line.call;
  return { call: { ...rest, exchangeId, response } };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
