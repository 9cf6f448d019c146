import express from 'express';
import currency from 'currency.js';
import { randomBytes } from 'node:crypto';

const app = express();
app.use(express.json());
const ref = () => randomBytes(4).toString('hex');
app.post('/receipt.txt', (req, res) => {
  const total = req.body.lines.reduce(
    (sum, line) => sum.add(currency(line.price).multiply(line.qty)),
    currency(0),
  );
  res.type('text').send('ref ' + ref() + ': total ' + total.format() + '\nthank you\n');
});
app.post('/receipt', (req, res) => {
  const total = req.body.lines.reduce(
    (sum, line) => sum.add(currency(line.price).multiply(line.qty)),
    currency(0),
  );
  res
    .set('x-receipt', 'ref ' + ref() + '; total ' + total.format())
    .json({ line: 'ref ' + ref() + ': total ' + total.format(), value: total.value });
});
app.post('/split', (req, res) =>
  res.json({
    id: ref(),
    parts: currency(req.body.amount)
      .distribute(req.body.into)
      .map((part) => part.value),
  }),
);
app.listen(process.env.PORT);
