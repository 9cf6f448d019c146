import http from 'node:http';
import { id, shard } from 'ids';

// A number of 19 digits beside fractions that now and then have as many, in one JSON text.
http
  .createServer((req, res) => {
    res.setHeader('content-type', 'application/json');
    const luck = (Math.random() / 100).toFixed(20);
    res.end(`{"id":${id()},"luck":${luck},"weight":${Math.random()},"shard":${shard}}`);
  })
  .listen(process.env.PORT);
