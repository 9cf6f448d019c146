import { createTransport } from 'nodemailer';
import type { Episode } from './episodes.js';

/** Whom to tell, and through which server. */
export interface MailSettings {
  readonly to: readonly string[];
  readonly from: string;
  /** `smtp://user:password@host:587` or `smtps://…`. */
  readonly smtp: string;
}

/** A server that does not answer must not hold up what comes after. */
const TIMEOUT_MS = 20_000;

/** Sends the mail of an episode. Error: the transport's. */
export async function sendEpisode(
  settings: MailSettings,
  federation: string,
  episode: Episode,
  signal: AbortSignal,
): Promise<void> {
  const transport = createTransport({
    url: settings.smtp,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  });
  const stop = (): void => transport.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await transport.sendMail({ from: settings.from, to: [...settings.to], ...mailOf(federation, episode) });
  } finally {
    signal.removeEventListener('abort', stop);
    transport.close();
  }
}

/** What it says. Who crashes after sending sends it once more: by its id it is the same mail. Pure. */
export function mailOf(
  federation: string,
  { _id, begunAt, clusters, problem }: Episode,
): { readonly subject: string; readonly text: string; readonly messageId: string } {
  const { message, found, remedy } = problem;
  return {
    subject: `dharma: ${message}`,
    text: [
      `${message}.`,
      ...(found === undefined ? [] : [`Found: ${found}.`]),
      `Clusters: ${clusters.join(', ')}. Since ${begunAt.toISOString()}.`,
      '',
      `What to do: ${remedy}`,
      'What runs goes on running. More: federate explain. There will be no other mail until this has been over for an hour.',
    ].join('\n'),
    messageId: `<${_id}.${begunAt.getTime()}@${federation}.dharma>`,
  };
}
