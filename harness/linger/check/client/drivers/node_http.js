// A driver for node's http and https modules: linger check-client --driver -- node node_http.js
const { createHash } = require("crypto");
const { readFileSync } = require("fs");
const modules = { "http:": require("http"), "https:": require("https") };
const agents = Object.fromEntries(
  Object.entries(modules).map(([scheme, module]) => [scheme, new module.Agent({ keepAlive: true })]));

function fetched(method, url, file) {
  const { protocol } = new URL(url);
  return new Promise((settle) => {
    const fail = (error) =>
      settle({ ok: false, status: null, bytes: 0, sha256: null, error: `${error.code}: ${error.message}` });
    const request = modules[protocol].request(url, { method, agent: agents[protocol] }, (reply) => {
      const parts = [];
      reply.on("data", (part) => parts.push(part));
      reply.on("error", fail);
      reply.on("end", () => {
        const content = Buffer.concat(parts);
        const sha256 = createHash("sha256").update(content).digest("hex");
        const ok = reply.statusCode < 400;
        const error = ok ? null : reply.statusMessage;
        settle({ ok, status: reply.statusCode, bytes: content.length, sha256, error });
      });
    });
    request.on("error", fail);
    request.end(file && readFileSync(file));
  });
}

(async () => {
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    if (line === "QUIT") process.exit();
    const [, method, url, file] = line.match(/^(\S+) (\S+) ?(.*)$/);
    console.log(JSON.stringify(await fetched(method, url, file)));
  }
})();
