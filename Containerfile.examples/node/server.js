const http = require("node:http");
const ms = require("ms");

http
  .createServer((request, response) => response.end(`Up for ${ms(process.uptime() * 1000)}.\n`))
  .listen(3000);

// As process 1 it would go on otherwise.
process.on("SIGTERM", () => process.exit());
