"""Answers every request with the host name it was asked for, as people read it."""

from http.server import BaseHTTPRequestHandler, HTTPServer

import idna


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.headers.get("Host", "localhost").partition(":")[0]
        try:
            status, text = 200, idna.decode(host)
        except idna.IDNAError as error:
            status, text = 400, str(error)
        body = text.encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("", 8000), Handler).serve_forever()
