// gRPC servers of @grpc/grpc-js with grpc-health-check; as grpc_server.py.
'use strict';
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const { HealthImplementation } = require('grpc-health-check');

const folder = process.argv[2];
const pem = (name) => fs.readFileSync(path.join(folder, name));
const statuses = {
  '': 'SERVING',
  'up.Service': 'SERVING',
  'down.Service': 'NOT_SERVING',
  'odd.Service': 'UNKNOWN',
};
const pair = () => [{ private_key: pem('server.key'), cert_chain: pem('server.pem') }];
const plain = grpc.ServerCredentials.createInsecure();
const rows = [
  ['up', statuses, plain],
  ['down', { '': 'NOT_SERVING' }, plain],
  ['none', null, plain],
  ['tls', statuses, grpc.ServerCredentials.createSsl(null, pair(), false)],
  ['mtls', statuses, grpc.ServerCredentials.createSsl(pem('root.pem'), pair(), true)],
];
let left = rows.length;
for (const [name, known, credentials] of rows) {
  const server = new grpc.Server();
  if (known) new HealthImplementation(known).addToServer(server);
  server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
    if (error) throw error;
    console.log(name, port);
    left -= 1;
    if (left === 0) console.log();
  });
}
process.stdin.on('end', () => process.exit(0)).resume();
