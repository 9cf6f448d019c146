import express from 'express';
import { rateLimit } from 'express-rate-limit';

const app = express();
app.use('/legacy', rateLimit({ windowMs: 60_000, max: 4 }));
app.use('/standard', rateLimit({ windowMs: 60_000, max: 3, standardHeaders: true, legacyHeaders: false }));
app.use('/closed', rateLimit({ windowMs: 60_000, max: 0, standardHeaders: true }));
app.use(
  '/keyed',
  rateLimit({
    windowMs: 60_000,
    max: 2,
    keyGenerator: (req) => req.get('x-key') ?? 'none',
    message: { error: 'slow down' },
    skipFailedRequests: true,
  }),
);
app.get('/:zone', (req, res) =>
  res.json({
    zone: req.params.zone,
    hits: req.rateLimit?.used ?? req.rateLimit?.current ?? null,
    at: Date.now(),
  }),
);
app.listen(process.env.PORT);
