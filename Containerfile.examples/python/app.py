"""Answers every request with the host name it was asked for, as it goes over the wire."""

from http.server import BaseHTTPRequestHandler, HTTPServer

import idna


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.headers.get("Host", "localhost").partition(":")[0]
        body = idna.encode(host, uts46=True) + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("", 8000), Handler).serve_forever()
