import { HttpError } from './errors.js';

const TIMEOUT_MS = 5000;

/** The payment provider. The order's number makes a repeated charge the same charge. */
export function paymentProvider(baseUrl) {
  return {
    /** @returns {Promise<string>} the charge's id. Throws 402 (declined) or 502 (no answer worth the name). */
    async charge({ cents, source, reference }) {
      const response = await fetch(new URL('/charges', baseUrl), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': reference },
        body: JSON.stringify({ amount: cents, currency: 'EUR', source, reference }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).catch((error) => {
        throw new HttpError(502, `the payment provider does not answer (${error.name})`);
      });
      const body = await response.json().catch(() => ({}));
      if (response.status === 402) throw new HttpError(402, body.error ?? 'declined');
      if (!response.ok || !body.id)
        throw new HttpError(502, `the payment provider answered ${response.status}`);
      return body.id;
    },
  };
}
