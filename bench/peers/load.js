// The same load as baton-bench on the peers whose clients are Node.js libraries.
//
//   node load.js PEER VERB --endpoint E --n N …     PEER: bullmq, graphile
//   VERB: enqueue, consume, both, latency, one; of bullmq also chain and layers
//
// Producer and workers run in processes of their own, since one Node.js process has one thread of
// JavaScript. This process counts: each task has a number and must come once.
'use strict';
const { fork } = require('node:child_process');
const path = require('node:path');

const [, , peer, verb, ...rest] = process.argv;
const options = {
  n: 1000, first: 0, batch: 1000, window: 2, workers: 6, slots: 50, processes: 1, 'gap-us': 5000, layers: 10, endpoint: '',
};
for (let i = 0; i < rest.length; i += 2) {
  const name = rest[i].replace(/^--/, '');
  if (!(name in options)) {
    throw new Error(`no option ${name}`);
  }
  options[name] = name === 'endpoint' ? rest[i + 1] : Number(rest[i + 1]);
}

const nowNs = () => Number(process.hrtime.bigint()); // CLOCK_MONOTONIC, the same in all processes
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const heard = (child, what) => new Promise(resolve => {
  const listen = message => {
    if (message.what === what) {
      child.off('message', listen);
      resolve(message);
    }
  };
  child.on('message', listen);
});
// About 100 bytes as JSON.
const task = number => ({ i: number, p: 'x'.repeat(80) });

async function produceSlowly(queue) {
  let next = nowNs() + 300e6;
  for (let i = 0; i < options.n; i++) {
    for (let left; (left = next - nowNs()) > 0;) {
      await (left > 1.5e6 ? sleep(left / 1e6 - 1) : new Promise(setImmediate));
    }
    const t = nowNs();
    next = t + options['gap-us'] * 1e3;
    await queue.add({ i, t, p: 'x'.repeat(60) });
  }
}

async function produce(queue) {
  let at = 0;
  const lane = async () => {
    while (at < options.n) {
      const count = Math.min(options.batch, options.n - at);
      const first = options.first + at;
      at += count;
      await queue.addMany(Array.from({ length: count }, (_, i) => task(first + i)));
    }
  };
  await Promise.all(Array.from({ length: options.window }, lane));
}

async function runProducer(module) {
  const queue = await module.openProducer(options);
  process.send({ what: 'ready' });
  await heard(process, 'go');
  const began = nowNs();
  await (verb === 'latency' ? produceSlowly(queue) : produce(queue));
  process.send({ what: 'produced', began, ended: nowNs() });
  await heard(process, 'stop');
  await queue.close();
}

async function runWorkers(module) {
  // They wait for tasks already when tasks are added; what is in the queue before is for the start.
  const isLate = verb === 'consume' || verb === 'one';
  if (isLate) {
    process.send({ what: 'ready' });
    await heard(process, 'go');
  }
  let numbers = [], latencies = [];
  const send = () => {
    if (numbers.length) {
      process.send({ what: 'ran', numbers, latencies, at: nowNs() });
      numbers = [];
      latencies = [];
    }
  };
  const close = await module.work(options, verb === 'latency' || verb === 'one', data => {
    if (data.t) {
      latencies.push((nowNs() - data.t) / 1e3);
    }
  }, data => {
    numbers.push(data.i);
    if (numbers.length >= 500 || verb === 'one') {
      send();
    }
  });
  const timer = setInterval(send, 2);
  if (!isLate) {
    await sleep(300); // libraries say that they are up before they listen
    process.send({ what: 'ready' });
  }
  await heard(process, 'stop');
  clearInterval(timer);
  await Promise.race([close(), sleep(2000)]);
}

function start(role) {
  const child = fork(__filename, process.argv.slice(2), { env: { ...process.env, ROLE: role }, serialization: 'advanced' });
  child.on('exit', code => code && fail(`a ${role} ended with ${code}`));
  return child;
}

function fail(why) {
  console.error(`bench: ${peer}: ${why}`);
  process.exit(1);
}

function count(workers, want) {
  const seen = new Uint8Array(options.first + options.n);
  const latencies = [];
  let done = 0;
  return new Promise(resolve => {
    for (const worker of workers) {
      worker.on('message', message => {
        if (message.what !== 'ran') {
          return;
        }
        for (const number of message.numbers) {
          if (seen[number]++) {
            fail(`task ${number} ran twice`);
          }
        }
        latencies.push(...message.latencies);
        done += message.numbers.length;
        if (done >= want) {
          resolve({ ended: message.at, latencies });
        }
      });
    }
  });
}

function percentiles(us) {
  us.sort((a, b) => a - b);
  const at = p => us[Math.floor(p * (us.length - 1))];
  return { p50_us: at(0.5), p99_us: at(0.99), max_us: at(1), samples: us.length };
}

async function main() {
  const produces = verb !== 'consume' && verb !== 'one';
  const producer = produces ? start('producer') : null;
  const workers = verb === 'enqueue' ? [] : Array.from({ length: options.processes }, () => start('worker'));
  const children = [...workers, ...(producer ? [producer] : [])];
  await Promise.all(children.map(child => heard(child, 'ready')));
  const counted = workers.length ? count(workers, verb === 'one' ? 1 : options.n) : null;
  const began = nowNs();
  for (const child of children) {
    child.send({ what: 'go' });
  }
  const produced = producer ? await heard(producer, 'produced') : { began, ended: began };
  const worked = counted ? await counted : produced;
  const seconds = (worked.ended - produced.began) / 1e9;
  if (verb === 'latency') {
    console.log(JSON.stringify(percentiles(worked.latencies)));
  } else if (verb === 'one') {
    console.log(JSON.stringify({ at_s: worked.ended / 1e9 }));
  } else {
    console.log(JSON.stringify({ seconds, rate: options.n / seconds }));
  }
  for (const child of children) {
    child.send({ what: 'stop' });
  }
  await Promise.all(children.map(child => new Promise(resolve => child.once('exit', resolve))));
}

(async () => {
  const module = require(path.join(__dirname, `${peer}.js`));
  if (module.flows && module.flows[verb]) {
    console.log(JSON.stringify(await module.flows[verb](options)));
  } else if (process.env.ROLE) {
    await (process.env.ROLE === 'producer' ? runProducer(module) : runWorkers(module));
  } else {
    await main();
  }
  process.exit(0);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
