#!/usr/bin/env node
/** Sends a scenario's sessions to a server, over and over, as several visitors. See USAGE. */
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { parseArgs } from 'node:util';
import { Client } from './traffic/client.mjs';
import { parseScenario } from './traffic/scenario.mjs';
import { Tally } from './traffic/tally.mjs';

const USAGE = `Usage: node examples/traffic.mjs --url URL [options]

  --url URL          where to send, such as http://127.0.0.1:8080
  --scenario FILE    JSON lines (default: the shop's, examples/shop/scenario.jsonl)
  --clients N        visitors at once, each with cookies of its own (default 8)
  --rate N           requests a second, all visitors together (default 50)
  --seconds N        stop after that long
  --rounds N         stop when each visitor has run that many sessions
  --seed N           decides which sessions run with which values (default 1)
  --every N          seconds between progress lines (default 5)
  --json             progress as JSON lines on stdout (default: plain lines on stderr)

Runs until told to stop (SIGTERM, Ctrl-C) where neither --seconds nor --rounds is given. The report is the last line of
stdout, in JSON. Ends with 1 when an answer was not what the scenario expects, 2 when called wrongly.`;

function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string' },
      scenario: { type: 'string', default: new URL('shop/scenario.jsonl', import.meta.url).pathname },
      clients: { type: 'string', default: '8' },
      rate: { type: 'string', default: '50' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      seed: { type: 'string', default: '1' },
      every: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { help: true };
  if (!values.url) throw new Error('--url is missing');
  const base = new URL(values.url);
  if (base.protocol !== 'http:') throw new Error(`--url must be http://…, found ${values.url}`);
  return {
    base,
    scenarioFile: values.scenario,
    json: values.json,
    clients: number('clients', values.clients, { whole: true }),
    rate: number('rate', values.rate),
    seconds: values.seconds === undefined ? undefined : number('seconds', values.seconds),
    rounds: values.rounds === undefined ? Infinity : number('rounds', values.rounds, { whole: true }),
    seed: Number(values.seed) | 0,
    every: number('every', values.every),
  };
}

function number(name, text, { whole = false } = {}) {
  const value = Number(text);
  if (!(value > 0) || (whole && !Number.isInteger(value))) {
    throw new Error(`--${name} must be a ${whole ? 'whole ' : ''}number above 0, found ${text}`);
  }
  return value;
}

function tell(progress, json) {
  if (json) {
    console.log(JSON.stringify({ progress }));
    return;
  }
  const { seconds, requests, failures, window } = progress;
  const { p50, p99 } = window.latencyMs;
  const rate = `last: ${window.requests} requests, median ${p50 ?? '-'} ms, p99 ${p99 ?? '-'} ms`;
  console.error(`traffic: ${Math.round(seconds)} s, ${requests} requests, ${failures} failures; ${rate}`);
}

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  const scenario = parseScenario(await readFile(options.scenarioFile, 'utf8'));
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  // Nobody reads any more: whoever started this is gone.
  process.stdout.on('error', () => process.exit(1));

  const tally = new Tally();
  const agent = new Agent({ keepAlive: true });
  const progress = setInterval(() => tell(tally.progress(), options.json), options.every * 1000);
  const end = options.seconds === undefined ? undefined : setTimeout(onSignal, options.seconds * 1000);
  try {
    const { base, seed, rounds } = options;
    const intervalMs = (1000 * options.clients) / options.rate;
    const clients = Array.from(
      { length: options.clients },
      (_, index) => new Client({ index, seed, intervalMs, scenario, base, agent, tally }),
    );
    await Promise.all(clients.map((client) => client.run(rounds, stop.signal)));
  } finally {
    clearInterval(progress);
    clearTimeout(end);
    agent.destroy();
  }
  console.log(JSON.stringify(options.json ? { report: tally.report() } : tally.report()));
  if (tally.failures > 0) process.exitCode = 1;
}

main().catch((error) => {
  console.error(`traffic: ${error.message}`);
  console.error('Type "node examples/traffic.mjs --help" for what it takes.');
  process.exitCode = 2;
});
