import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReviewServer } from '../../../federator/cli/review/review-server.js';
import { reportWith } from '../../shadow/support/report.js';

let accepted: [string, string][];
let review: ReviewServer;

beforeEach(async () => {
  accepted = [];
  review = await ReviewServer.listen({
    report: async () => reportWith(4, 'text'),
    accept: async (difference, reason) => {
      if (reason === '') throw new Error('expected a reason');
      accepted.push([difference, reason]);
    },
  });
});
afterEach(() => review.close());

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<Told> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: text }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const own = (): Record<string, string> => ({ origin: new URL(review.url).origin });
const accept = (form: string, headers = own()): Promise<Told> =>
  ask('POST', `${review.url}accept`, headers, form);

describe('the report in a browser', () => {
  it('shows the page, which may do nothing but send its own forms', async () => {
    const { status, headers, body } = await ask('GET', review.url);
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toMatch(/default-src 'none'.*form-action 'self'/);
    expect(headers['cache-control']).toBe('no-store');
    expect(body).toMatch(/<form method="post" action="accept">[^]*name="difference" value="id0"/);
  });

  it('accepts a difference for the reason given, and shows the page again', async () => {
    const told = await accept('difference=id0&reason=prices+are+texts');
    expect(told.status).toBe(303);
    expect(new URL(told.headers.location as string, review.url).href).toBe(`${review.url}#id0`);
    expect(accepted).toEqual([['id0', 'prices are texts']]);
  });

  it('tells on the page why it was not accepted', async () => {
    const told = await accept('difference=id0&reason=');
    expect(told.status).toBe(400);
    expect(told.body).toContain('Not accepted: expected a reason');
    expect(accepted).toEqual([]);
  });

  it("takes nothing from other sites' pages, by other names, without the key, or of any size", async () => {
    const form = 'difference=id0&reason=x';
    expect((await accept(form, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await accept(form, {})).status).toBe(403);
    expect((await accept(form, { ...own(), host: 'evil.example' })).status).toBe(421);
    const { origin } = new URL(review.url);
    expect((await ask('POST', `${origin}/${'a'.repeat(43)}/accept`, own(), form)).status).toBe(404);
    expect((await ask('GET', `${origin}/`)).status).toBe(404);
    expect((await ask('GET', `${review.url}accept`)).status).toBe(404);
    expect((await accept(`${form}${'x'.repeat(40_000)}`)).status).toBe(413);
    expect(accepted).toEqual([]);
  });
});
