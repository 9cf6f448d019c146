import express from 'express';
import nodemailer from 'nodemailer';
import { randomUUID } from 'node:crypto';

const app = express();
app.use(express.json());
const mailer = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
const dead = nodemailer.createTransport({ host: '127.0.0.1', port: 9, connectionTimeout: 2000 });
const outbox = new Map();

app.post('/mail', async (req, res) => {
  const { to, subject, text, html, from = 'shop@shop.test', attachment } = req.body;
  const { message, envelope } = await mailer.sendMail({
    from,
    to,
    subject,
    text,
    html,
    attachments: attachment ? [{ filename: attachment, content: 'a,b\n1,2\n' }] : [],
  });
  const id = randomUUID();
  outbox.set(id, { to: envelope.to, size: message.length > 0 });
  await fetch(process.env.OUTBOUND_URL + '/raw', {
    method: 'POST',
    headers: { 'content-type': 'message/rfc822', 'idempotency-key': id },
    body: message,
  });
  res.status(202).json({ id, to: envelope.to });
});
app.get('/mail/:id', (req, res) => {
  const found = outbox.get(req.params.id);
  if (!found) return res.status(404).json({ error: 'no mail' });
  res.json({ id: req.params.id, ...found });
});
app.post('/direct', async (req, res) => {
  try {
    await dead.sendMail({ from: 'a@x.test', to: 'b@x.test', subject: 's', text: 't' });
    res.json({ sent: true });
  } catch (error) {
    res.status(502).json({ code: error.code });
  }
});
app.listen(process.env.PORT);
