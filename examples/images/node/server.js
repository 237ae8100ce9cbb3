// A service that says how it is: GET /health on port 3000.
const { createServer } = require("node:http");

createServer((request, answer) => {
  const known = request.url === "/health";
  answer.writeHead(known ? 200 : 404, { "Content-Type": "application/json" });
  answer.end(JSON.stringify(known ? { status: "ok" } : { path: "/health" }));
}).listen(3000);

// As process 1 it gets no signal that it does not ask for.
process.on("SIGTERM", () => process.exit(0));
