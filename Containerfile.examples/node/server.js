const http = require("node:http");

http
  .createServer((request, response) => response.end(`Hello from ${request.url}\n`))
  .listen(3000);
