// WebSocket servers of the package ws. Prints a name and a port for each, then an empty line; the port
// `log` answers over HTTP with what the servers saw. Ends with its stdin.
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');
const path = require('path');
const { WebSocketServer } = require('ws');

const folder = process.argv[2];
const pem = (name) => fs.readFileSync(path.join(folder, name));
const seen = [];

// What each does with a client that has come.
const clients = {
  up: () => {},
  // Says a lot before it hears anything.
  chatty: (socket) => {
    for (let i = 0; i < 3; i += 1) socket.send(Buffer.alloc(200000, 'x'));
    socket.ping('are you there?');
    socket.send('{"hello":"world"}');
  },
  restarting: (socket) => socket.close(1012, 'service restart'),
  failing: (socket) => socket.close(1011, 'db\ndown'),
  leaving: (socket) => socket.close(1001),
  policy: (socket) => socket.close(1008, 'who are you?'),
  application: (socket) => socket.close(4401, 'Unauthorized'),
  crashing: (socket) => socket.terminate(),
  hung: (socket) => socket.pause(),
};
const options = {
  chat: { path: '/chat' },
  login: {
    verifyClient: ({ req }, done) => {
      const allowed = req.headers.authorization === 'Basic dTpw' || req.headers['x-token'] === 't';
      done(allowed, 401, 'who are you?', { 'WWW-Authenticate': 'Basic realm="ws"' });
    },
  },
  spoken: { handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false) },
  starting: { verifyClient: (_, done) => done(false, 503, 'starting up') },
};

const servers = {};
for (const name of [...Object.keys(clients), ...Object.keys(options), 'tls']) {
  const secure = { key: name === 'tls' && pem('server.key'), cert: name === 'tls' && pem('server.pem') };
  const server = name === 'tls' ? https.createServer(secure) : http.createServer();
  server.on('request', (_, response) => response.end('no WebSocket'));
  const upgrades = new WebSocketServer({ server, ...options[name] });
  upgrades.on('wsClientError', (error) => seen.push(`${name} error ${error.message}`));
  upgrades.on('connection', (socket) => {
    socket.on('error', (error) => seen.push(`${name} error ${error.message}`));
    socket.on('close', (code) => seen.push(`${name} closed ${code}`));
    (clients[name] || clients.up)(socket);
  });
  server.on('clientError', (error) => seen.push(`${name} error ${error.message}`));
  servers[name] = server;
}
// Answers like a WebSocket server that has read another key, and one that forgets what it upgrades to.
const wrong = (lines) => {
  const server = http.createServer();
  server.on('upgrade', (_, socket) => socket.end(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`));
  return server;
};
const both = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';
servers.wrong = wrong(`${both}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n`);
servers.none = wrong(both);
servers.other = wrong('Upgrade: h2c\r\nConnection: Upgrade\r\n');
servers.log = http.createServer((_, response) => response.end(`${seen.join('\n')}\n.`));

let left = Object.keys(servers).length;
for (const [name, server] of Object.entries(servers)) {
  server.listen(0, '127.0.0.1', () => {
    console.log(name, server.address().port);
    left -= 1;
    if (left === 0) console.log();
  });
}
process.stdin.on('end', () => process.exit(0)).resume();
