import express from 'express';
import * as jose from 'jose';
import { randomUUID } from 'node:crypto';
const secret = new TextEncoder().encode('0123456789abcdef0123456789abcdef');
const app = express();
app.use(express.json());
const revoked = new Set();
app.post('/token', async (q, s) => {
  const jti = randomUUID();
  const t = await new jose.SignJWT({ sub: q.body.user, scope: q.body.scope })
    .setProtectedHeader({ alg: 'HS256' })
    .setJti(jti)
    .setIssuedAt()
    .setExpirationTime('2h')
    .sign(secret);
  s.json({ access_token: t, token_type: 'Bearer', expires_in: 7200 });
});
app.get('/me', async (q, s) => {
  try {
    const { payload } = await jose.jwtVerify((q.get('authorization') ?? '').slice(7), secret, {
      requiredClaims: ['scope'],
    });
    if (revoked.has(payload.jti)) return s.status(401).json({ error: 'revoked' });
    s.json({ sub: payload.sub, exp: payload.exp, left: payload.exp - Math.floor(Date.now() / 1000) });
  } catch (e) {
    s.status(401).json({ code: e.code, error: e.message });
  }
});
app.post('/revoke', async (q, s) => {
  try {
    const { payload } = await jose.jwtVerify((q.get('authorization') ?? '').slice(7), secret);
    revoked.add(payload.jti);
    s.status(204).end();
  } catch (e) {
    s.status(401).json({ code: e.code });
  }
});
app.get('/enc', async (q, s) => {
  const t = await new jose.EncryptJWT({ a: 1 })
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .setIssuedAt()
    .encrypt(secret);
  s.json({ t });
});
app.listen(process.env.PORT, '127.0.0.1');
