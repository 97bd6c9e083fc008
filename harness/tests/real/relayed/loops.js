// Programs that last: loops.js LIBRARY HOST PORT asks its server five times a second, as services do.
// An error is reported, and the next round tries again; the library must do the rest.
'use strict';

const [library, host, port] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const secret = { user: 'lab', password: 'secret' };
const report = (error) => console.error(error.code || error.name, error.message);

const libraries = {
  ioredis() {
    const Redis = require('ioredis');
    const redis = new Redis({ host, port });
    redis.on('error', report);
    return () => redis.get('x');
  },
  redis() {
    const redis = require('redis').createClient({ socket: { host, port } });
    redis.on('error', report);
    redis.connect().catch(report);
    return () => redis.get('x');
  },
  pg() {
    const { Pool } = require('pg');
    const pool = new Pool({ host, port, database: 'postgres', ...secret });
    pool.on('error', report);
    return () => pool.query('select 1');
  },
  mysql2() {
    const pool = require('mysql2/promise').createPool({ host, port, ...secret });
    return () => pool.query('select 1');
  },
  mqtt() {
    const client = require('mqtt').connect({ host, port, keepalive: 5 });
    client.on('error', report);
    client.on('connect', () => client.subscribe('$SYS/broker/uptime'));
    return () => client.connected && client.publishAsync('x', '1', { qos: 1 });
  },
};

const ask = libraries[library]();
// A round that hangs does not keep the next one from beginning, as in a service with many callers.
setInterval(() => Promise.resolve(ask()).catch(report), 200);
