import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { mode, text } from 'receipts';

mkdirSync('receipts', { recursive: true });
http
  .createServer((req, res) => {
    if (req.method === 'POST') {
      const file = `receipts/${req.url.slice(1)}.txt`;
      writeFileSync(file, text(req.url.slice(1)));
      chmodSync(file, mode);
      res.writeHead(201).end();
      return;
    }
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ receipts: readdirSync('receipts').sort(), at: Date.now() }));
  })
  .listen(process.env.PORT);
