// A driver for node's fetch(): linger check-client --driver -- node node_fetch.js
const { createHash } = require("crypto");
const { readFileSync } = require("fs");

async function fetched(method, url, file) {
  try {
    const reply = await fetch(url, { method, body: file ? readFileSync(file) : undefined });
    const content = Buffer.from(await reply.arrayBuffer());
    const sha256 = createHash("sha256").update(content).digest("hex");
    const error = reply.ok ? null : reply.statusText;
    return { ok: reply.ok, status: reply.status, bytes: content.length, sha256, error };
  } catch (error) {
    const told = `${error.name}: ${error.message}${error.cause ? ` (${error.cause.message})` : ""}`;
    return { ok: false, status: null, bytes: 0, sha256: null, error: told };
  }
}

(async () => {
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    if (line === "QUIT") process.exit();
    const [, method, url, file] = line.match(/^(\S+) (\S+) ?(.*)$/);
    console.log(JSON.stringify(await fetched(method, url, file)));
  }
})();
