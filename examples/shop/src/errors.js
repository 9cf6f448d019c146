/** An error that is the client's to know: the status and the message are answered as they stand. */
export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
    this.expose = true;
  }
}

/** Passes what an async handler rejects with to Express's error handling. */
export const handle = (handler) => (req, res, next) => {
  handler(req, res, next).catch(next);
};

/** The last middleware before the error handler: nothing has answered. */
export function notFound(req, _res, next) {
  next(new HttpError(404, `no such ${req.path.startsWith('/api/') ? 'resource' : 'page'}`));
}

/** Express knows an error handler by its four parameters. */
export function answerError(error, req, res, next) {
  if (res.headersSent) return next(error);
  const status = error.status ?? error.statusCode ?? 500;
  if (status >= 500) console.error(`shop: ${req.method} ${req.path}: ${error.stack}`);
  const message = error.expose ? error.message : 'internal error';
  res.status(status);
  if (req.path.startsWith('/api/')) res.json({ error: message });
  else
    res
      .type('html')
      .send(`<!doctype html><title>${status}</title><h1>${status}</h1><p>${escapeHtml(message)}</p>`);
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
export const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (char) => ENTITIES[char]);
