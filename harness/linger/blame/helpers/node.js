// Loaded by node under `linger blame`: tells the tracer which lines of JavaScript touch each socket.
// It writes to a descriptor that does not exist, where only the tracer sees it
// (harness/blame/told.c).
'use strict';
const fs = require('fs');
const net = require('net');

const NOBODY = 0x6c6e0000; // TOLD_DESCRIPTOR
const FRAME = /^\s*at (?:(?:async )?(.*?) \()?(?:file:\/\/)?(\/[^()]*?):(\d+):\d+\)?$/;

// The innermost line that is neither ours nor node's: "/srv/app.js:33 handler".
function where() {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 30;
  const { stack } = new Error();
  Error.stackTraceLimit = limit;
  for (const line of stack.split('\n')) {
    const frame = FRAME.exec(line);
    if (frame && frame[2] !== __filename) return `${frame[2]}:${frame[3]} ${frame[1] || ''}`;
  }
  return '';
}

function tell(socket, kind, place) {
  const fd = socket._handle ? socket._handle.fd : -1;
  if (!(fd >= 0) || !place) return;
  try { fs.writeSync(NOBODY, `${fd} ${kind} ${place}`.slice(0, 1024)); } catch { /* nobody listens */ }
}

// The line is known before a handle has a descriptor.
const pending = new WeakMap();
const listener = new WeakMap(); // of "connection": where it was registered

function wrap(object, name, before, after) {
  const real = object[name];
  object[name] = function (...args) {
    before.call(this, args);
    const result = real.apply(this, args);
    if (after) after.call(this, args);
    return result;
  };
}

const last = function () { tell(this, 'last', where()); };
for (const name of ['write', 'end', 'pause', 'resume', 'destroySoon']) wrap(net.Socket.prototype, name, last);
wrap(net.Socket.prototype, 'connect', function () { pending.set(this, where()); });
wrap(net.Socket.prototype, 'emit', function ([event]) {
  if (event === 'connect') tell(this, 'taken', pending.get(this));
  if (event === 'end' || event === 'error' || event === 'timeout') tell(this, 'end', heard(this, event));
});
for (const name of ['on', 'addListener', 'once']) {
  wrap(net.Socket.prototype, name, function ([event, handler]) {
    const place = where();
    if (!place || typeof handler !== 'function') return;
    if (!listener.has(this)) listener.set(this, new Map());
    listener.get(this).set(event, place);
    tell(this, 'last', place);
  });
  wrap(net.Server.prototype, name, function ([event]) {
    if (event === 'connection') pending.set(this, where());
  });
}
// Where a listener for an event is; without one, where the socket was handed over.
const heard = (socket, event) => {
  const places = listener.get(socket);
  return (places && (places.get(event) || [...places.values()].pop())) || '';
};
wrap(net.Server.prototype, 'emit', function ([event, socket]) {
  if (event !== 'connection' || !(socket instanceof net.Socket)) return;
  tell(socket, 'taken', pending.get(this));
});
const createServer = net.createServer;
net.createServer = function (...args) {
  const server = createServer.apply(this, args);
  const place = where();
  if (place) pending.set(server, place);
  return server;
};
