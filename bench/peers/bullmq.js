// BullMQ on Redis, over its unix socket. Jobs are removed when they are done, as ours leave the queue.
'use strict';
const { FlowProducer, Queue, Worker } = require('bullmq');

const name = 'bench';
const job = { removeOnComplete: true, removeOnFail: true };
const connect = options => ({ path: options.endpoint, maxRetriesPerRequest: null });
const nowS = () => Number(process.hrtime.bigint()) / 1e9;

exports.openProducer = async options => {
  const queue = new Queue(name, { connection: connect(options) });
  await queue.waitUntilReady();
  return {
    add: data => queue.add('t', data, job),
    addMany: all => queue.addBulk(all.map(data => ({ name: 't', data, opts: job }))),
    close: () => queue.close(),
  };
};

exports.work = async (options, isSlow, onStart, onDone) => {
  const workers = [];
  const n = isSlow ? 1 : Math.ceil(options.workers / options.processes);
  for (let i = 0; i < n; i++) {
    const worker = new Worker(name, async ({ data }) => onStart(data), {
      connection: connect(options), concurrency: isSlow ? 1 : options.slots, ...job,
    });
    worker.on('completed', ({ data }) => onDone(data)); // Redis has it
    worker.on('error', error => console.error(error.message));
    workers.push(worker);
  }
  await Promise.all(workers.map(worker => worker.waitUntilReady()));
  return () => Promise.all(workers.map(worker => worker.close(true)));
};

// Dependencies: a flow is a tree, a job waits for its children.
async function flow(options, concurrency, add, onRun) {
  const connection = connect(options);
  const producer = new FlowProducer({ connection });
  await producer.waitUntilReady();
  let first = 0, ran = 0, finish;
  const finished = new Promise(resolve => { finish = resolve; });
  const worker = new Worker(name, async one => {
    first = first || nowS();
    ran++;
    await onRun(one, producer);
  }, { connection, concurrency, autorun: false });
  worker.on('completed', one => one.name === 'last' && finish(nowS()));
  await worker.waitUntilReady();
  const began = nowS();
  await add(producer);
  const added = nowS();
  const running = nowS();
  worker.run();
  const last = await finished;
  await worker.close(true);
  await producer.close();
  return { ran, add_s: added - began, run_s: last - first, seconds: added - began + last - running };
}

const leaf = i => ({ name: 't', queueName: name, data: { i, p: 'x'.repeat(80) }, opts: job });

async function chain(options) {
  let node = leaf(0);
  for (let i = 1; i < options.n; i++) {
    node = { ...leaf(i), name: i === options.n - 1 ? 'last' : 't', children: [node] };
  }
  const result = await flow(options, options.workers, producer => producer.add(node), () => {});
  if (result.ran !== options.n) {
    throw new Error(`${result.ran} of ${options.n} tasks ran`);
  }
  return result;
}

// A tree has no barrier that many wait for, so the barrier's job adds the next layer.
async function layers(options) {
  const n = options.n / options.layers;
  const layer = k => ({
    name: k === options.layers - 1 ? 'last' : 'barrier', queueName: name, data: { k }, opts: job,
    children: Array.from({ length: n }, (_, i) => leaf(k * n + i)),
  });
  const result = await flow(options, options.slots, producer => producer.add(layer(0)), async (one, producer) => {
    if (one.name === 'barrier') {
      await producer.add(layer(one.data.k + 1));
    }
  });
  if (result.ran !== options.n + options.layers) {
    throw new Error(`${result.ran} tasks ran instead of ${options.n + options.layers}`);
  }
  return result;
}

exports.flows = { chain, layers };
