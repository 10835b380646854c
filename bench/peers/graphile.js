// graphile-worker on PostgreSQL, over its unix socket: jobs added, fetched and completed in batches, which
// is its fastest way. A job counts when its task function runs; its completion is written a little later.
'use strict';
const { Logger, makeWorkerUtils, run } = require('graphile-worker');
const { Pool } = require('pg');

const logger = new Logger(() => (level, message) => level === 'error' && console.error(message));

async function open(options) {
  const pool = new Pool({ connectionString: options.endpoint, max: 12 });
  pool.on('error', () => {}); // the server is ended under it
  pool.on('connect', client => client.on('error', () => {}));
  const utils = await makeWorkerUtils({ pgPool: pool, logger });
  await utils.migrate();
  return { pool, utils };
}

exports.openProducer = async options => {
  const { utils } = await open(options);
  return {
    add: data => utils.addJob('t', data),
    addMany: all => utils.addJobs(all.map(payload => ({ identifier: 't', payload }))),
    close: () => utils.release(),
  };
};

exports.work = async (options, isSlow, onStart, onDone) => {
  const { pool } = await open(options);
  const batches = {
    worker: { localQueue: { size: 500, ttl: 60000 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
  };
  const runner = await run({
    pgPool: pool,
    logger,
    noHandleSignals: true,
    noPreparedStatements: false,
    pollInterval: 1000,
    crontab: '',
    concurrency: isSlow ? 1 : options.slots,
    preset: isSlow ? {} : batches,
    taskList: {
      t: async data => {
        onStart(data);
        onDone(data);
      },
    },
  });
  return async () => runner.stop().catch(() => {});
};
