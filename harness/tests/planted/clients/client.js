// A client that does everything right, on node's sockets: a driver of `linger check-client`.
const { createHash } = require("crypto");
const { readFileSync } = require("fs");
const net = require("net");
const tls = require("tls");
const zlib = require("zlib");

const WITHIN = 6000; // ms
const pool = new Map(); // idle connections by origin

class Connection {
  constructor(origin, { protocol, hostname: host, port }) {
    this.origin = origin;
    this.tls = protocol === "https:";
    this.buffer = Buffer.alloc(0);
    this.ended = null; // "FIN", or an error
    this.wake = () => {};
    const options = { host, port, servername: host, autoSelectFamily: true, allowHalfOpen: true };
    this.socket = this.tls ? tls.connect(options) : net.connect(options);
    this.socket.setKeepAlive(true, 1000);
    this.socket.on("data", (data) => this.news(() => (this.buffer = Buffer.concat([this.buffer, data]))));
    this.socket.on("end", () => this.news(() => (this.ended ||= "FIN")));
    this.socket.on("error", (error) => this.news(() => (this.ended = error)));
    this.socket.on("close", () => this.news(() => (this.ended ||= "FIN")));
  }

  // What arrives while it is idle is its end, or unsolicited: it cannot be used again.
  news(take) {
    take();
    if (pool.get(this.origin) === this) this.leave();
    this.wake();
  }

  leave() {
    if (pool.get(this.origin) === this) pool.delete(this.origin);
    this.socket.destroy();
  }

  // Wait until enough() or the end; returns whether it is enough.
  async until(enough) {
    while (!enough() && !this.ended) await new Promise((wake) => (this.wake = wake));
    return enough();
  }

  take(bytes) {
    const taken = this.buffer.subarray(0, bytes);
    this.buffer = this.buffer.subarray(bytes);
    return taken;
  }

  async line() {
    if (!(await this.until(() => this.buffer.includes("\r\n")))) throw this.broken("no line");
    const line = this.take(this.buffer.indexOf("\r\n") + 2);
    return line.toString("latin1", 0, line.length - 2);
  }

  async bytes(count) {
    if (!(await this.until(() => this.buffer.length >= count)))
      throw this.broken(`${this.buffer.length} of ${count} bytes`);
    return this.take(count);
  }

  broken(why) {
    return this.ended instanceof Error ? this.ended : new Error(why);
  }
}

async function body(connection, fields) {
  if ((fields["transfer-encoding"] || "").includes("chunked")) {
    const parts = [];
    for (let size; (size = parseInt(await connection.line(), 16)); await connection.line())
      parts.push(await connection.bytes(size));
    await connection.line();
    return Buffer.concat(parts);
  }
  if ("content-length" in fields) return connection.bytes(Number(fields["content-length"]));
  await connection.until(() => false);
  // node does not distinguish a FIN without close_notify from one after it, so over TLS nobody knows.
  if (connection.tls) throw new Error("a reply without a length, over TLS");
  // It reports a RST that comes with the last bytes as an end (libuv, uv__stream_io()); writing would fail.
  await new Promise((go, fail) => connection.socket.write("", (error) => (error ? fail(error) : go())));
  if (connection.ended !== "FIN") throw connection.ended;
  return connection.take(connection.buffer.length);
}

async function exchange(connection, method, path, host, upload) {
  const length = upload ? `Content-Length: ${upload.length}\r\n` : "";
  connection.socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept-Encoding: gzip\r\n${length}\r\n`);
  if (upload) connection.socket.write(upload);
  const first = await connection.line();
  const fields = {};
  for (let line; (line = await connection.line()); ) {
    const [, name, value] = line.match(/^([^:]*):\s*(.*)$/);
    fields[name.toLowerCase()] = value.toLowerCase();
  }
  const status = Number(first.split(" ")[1]);
  const coded = await body(connection, fields);
  const content = fields["content-encoding"] === "gzip" ? zlib.gunzipSync(coded) : coded;
  const sent = !connection.socket.writableLength;
  const keep = sent && fields.connection !== "close" && !connection.ended && !connection.buffer.length;
  return { keep, status, content, reason: first };
}

async function fetched(method, url, file) {
  const address = new URL(url);
  const connection = pool.get(address.origin) || new Connection(address.origin, address);
  pool.delete(address.origin);
  const late = setTimeout(() => connection.socket.destroy(new Error("timeout")), WITHIN);
  try {
    const upload = file && readFileSync(file);
    const reply = await exchange(connection, method, address.pathname, address.host, upload);
    if (reply.keep) pool.set(address.origin, connection);
    else connection.leave();
    const sha256 = createHash("sha256").update(reply.content).digest("hex");
    const ok = reply.status < 400;
    return { ok, status: reply.status, bytes: reply.content.length, sha256, error: ok ? null : reply.reason };
  } catch (error) {
    connection.leave();
    return { ok: false, status: null, bytes: 0, sha256: null, error: error.message };
  } finally {
    clearTimeout(late);
  }
}

(async () => {
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    if (line === "QUIT") process.exit();
    const [, method, url, file] = line.match(/^(\S+) (\S+) ?(.*)$/);
    console.log(JSON.stringify(await fetched(method, url, file)));
  }
})();
