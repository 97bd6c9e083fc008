// servers.js NAME PORT [BACKEND]: a server with one of the packages, written as its documentation
// says. Files come from the folder WWW; a proxy's backend is port BACKEND of this host.
const fs = require('fs'), http = require('http');
const [name, port, backend] = process.argv.slice(2), www = process.env.WWW;
const target = `http://127.0.0.1:${backend}`;
const pem = process.env.PEM && fs.readFileSync(process.env.PEM);

const serve = handler => http.createServer(handler).listen(port, '0.0.0.0');
const app = (express, use) => { const made = express(); made.use(use); http.createServer(made).listen(port, '0.0.0.0'); };
const proxy = made => { made.on('error', (error, req, res) => res.end && res.end()); serve((req, res) => made.web(req, res)); };
const hl7 = made => { const app = made.tcp(); app.use((req, res, next) => res.end()); app.use((error, req, res, next) => {}); app.start(+port); };
const httpxy = async name => {  // a module of the other kind
  const {createProxyServer} = await import(require.resolve(name)), made = createProxyServer({});
  serve((req, res) => made.web(req, res, {target}).catch(() => res.end()));
};
const well = (req, res) => res.end('well\n');

({
  backend: () => serve((req, res) => {  // a reply that goes on as long as somebody listens
    const more = setInterval(() => res.write('x'.repeat(1000)), 100);
    res.on('close', () => clearInterval(more));
  }),
  ecstatic: () => serve(require('ecstatic')({root: www})),
  express: () => app(require('express'), require('express').static(www)),
  'express-3': () => app(require('express-3'), require('express-3').static(www)),
  'express-http-proxy': () => app(require('express'), require('express-http-proxy')(target)),
  'express-http-proxy-0': () => app(require('express'), require('express-http-proxy-0')(target)),
  'http-proxy': () => proxy(require('http-proxy').createProxyServer({target})),
  'http-proxy-node16': () => proxy(require('http-proxy-node16').createProxyServer({target})),
  'http-proxy-middleware-2': () => app(require('express'), require('http-proxy-middleware-2').createProxyMiddleware({target, logLevel: 'silent'})),
  'http-proxy-middleware-3': () => app(require('express'), require('http-proxy-middleware-3').createProxyMiddleware({target})),
  httpolyglot: () => require('httpolyglot').createServer({key: pem, cert: pem}, well).listen(port, '0.0.0.0'),
  'httpolyglot-fixed': () => require('httpolyglot-fixed').createServer({tls: {key: pem, cert: pem}}, well).listen(port, '0.0.0.0'),
  httpxy: () => httpxy('httpxy'),
  'httpxy-0': () => httpxy('httpxy-0'),
  jsmodbus: () => { const made = require('net').createServer(); new (require('jsmodbus').server.TCP)(made); made.listen(port, '0.0.0.0'); },
  'node-static': () => { const files = new (require('node-static').Server)(www); serve((req, res) => req.on('end', () => files.serve(req, res)).resume()); },
  'restify-plugins': () => {  // what restify adds to a request and a reply, as far as it is asked for
    const files = require('restify-plugins').serveStatic({directory: www, default: 'index.html'});
    serve((req, res) => {
      Object.assign(req, {path: () => req.url, acceptable: () => true});
      Object.assign(res, {set: res.setHeader.bind(res), cache: () => {}});
      files(req, res, error => { if (error) { res.statusCode = 404; res.end(); } });
    });
  },
  send: () => serve((req, res) => require('send')(req, req.url, {root: www}).pipe(res)),
  'simple-hl7': () => hl7(require('simple-hl7')),
  'simple-hl7-2': () => hl7(require('simple-hl7-2')),
  'smtp-server-18': () => new (require('smtp-server-18').SMTPServer)({useProxy: true, logger: false}).on('error', () => {}).listen(port, '0.0.0.0'),
  'serve-handler': () => serve((req, res) => require('serve-handler')(req, res, {public: www})),
})[name]();
