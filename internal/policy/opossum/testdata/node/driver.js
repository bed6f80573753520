'use strict';

// Drives the real opossum in virtual time. Standard input: one JSON line per
// script, {options, steps: [{op, at_ms, call, outcome, latency_ms}]}. Standard
// output: the same steps, each with what the library showed ("out"), in the form
// of the recorded traces.

const wait = setImmediate; // the real one: lets all microtasks run
const readline = require('node:readline');

let now = 0;
let order = 0;
let timers = [];

function add(f, ms, every, args) {
  const after = Math.max(1, Math.trunc(ms) || 1);
  const timer = { f, args, at: now + after, every: every ? after : 0, order: order++, unref() { return timer; }, ref() { return timer; } };
  timers.push(timer);
  return timer;
}

global.setTimeout = (f, ms, ...args) => add(f, ms, false, args);
global.setInterval = (f, ms, ...args) => add(f, ms, true, args);
global.clearTimeout = global.clearInterval = (timer) => { timers = timers.filter((t) => t !== timer); };
Date.now = () => now;

const CircuitBreaker = require('opossum'); // after the clock is ours

const drain = () => new Promise((resolve) => wait(resolve));

// runTo lets every timer fire that is due by at, each with all that follows from it.
async function runTo(at) {
  for (;;) {
    const due = timers.filter((t) => t.at <= at).sort((a, b) => a.at - b.at || a.order - b.order)[0];
    if (!due) break;
    now = due.at;
    if (due.every) {
      due.at += due.every;
      due.order = order++;
    } else {
      clearTimeout(due);
    }
    due.f(...due.args);
    await drain();
  }
  now = at;
}

const failures = { error: 'FAILED', filtered: 'FILTERED' };

function action(step) {
  return new Promise((resolve, reject) => {
    if (step.outcome === 'hang') return;
    const end = () => {
      const code = failures[step.outcome];
      if (code) reject(Object.assign(new Error(code), { code }));
      else resolve('ok');
    };
    if (step.latency_ms === 0) end();
    else setTimeout(end, step.latency_ms);
  });
}

async function run(script) {
  now = 0;
  timers = [];
  const options = { ...script.options, rollingPercentilesEnabled: false, enableSnapshots: false };
  if (options.errorFilterCode) {
    const code = options.errorFilterCode;
    options.errorFilter = (error) => error.code === code;
    delete options.errorFilterCode;
  }
  let invoked = false;
  const breaker = new CircuitBreaker((step) => { invoked = true; return action(step); }, options);
  let events = [];
  let settled = [];
  for (const name of ['open', 'halfOpen', 'close', 'success', 'failure', 'timeout', 'reject', 'semaphoreLocked']) {
    breaker.on(name, () => events.push([now, name]));
  }
  const state = () => (breaker.opened ? 'open' : breaker.halfOpen ? 'half_open' : 'closed');
  for (const step of script.steps) {
    await runTo(step.at_ms);
    const out = { before: state() };
    if (step.op === 'call') {
      invoked = false;
      let reject = null;
      breaker.fire(step).then(
        () => settled.push([now, step.call, 'ok']),
        (error) => {
          if (!['FAILED', 'FILTERED', 'ETIMEDOUT'].includes(error.code)) reject = error.code;
          settled.push([now, step.call, error.code]);
        });
      await drain();
      out.admitted = invoked;
      out.reject = reject;
    } else if (step.op === 'open') {
      breaker.open();
    } else if (step.op === 'close') {
      breaker.close();
    }
    await drain();
    const s = breaker.status.stats;
    Object.assign(out, {
      state: state(), pending_close: breaker.pendingClose, warm_up: breaker.warmUp,
      stats: {
        fires: s.fires, successes: s.successes, failures: s.failures,
        timeouts: s.timeouts, rejects: s.rejects, semaphore: s.semaphoreRejections,
      },
      events, settled,
    });
    process.stdout.write(`${JSON.stringify({ ...step, out })}\n`);
    events = [];
    settled = [];
  }
  breaker.shutdown();
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line) await run(JSON.parse(line));
  }
})();
