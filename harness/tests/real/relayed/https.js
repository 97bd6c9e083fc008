// Serves the files of the working folder over TLS: https.js PORT.
'use strict';

const fs = require('fs');

const pair = { key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem') };
require('https')
  .createServer(pair, (request, reply) => reply.end(fs.readFileSync('.' + request.url)))
  .listen(Number(process.argv[2]), '127.0.0.1');
