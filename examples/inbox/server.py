#!/usr/bin/env python3
"""A product's server, as small as it can be: it serves a page with the inbox, holds the API key, and makes user tokens.

    HERALD_URL=http://127.0.0.1:8080 HERALD_KEY=hk_... examples/inbox/server.py [PORT]

A browser never sees the key. Here everybody is the same person; a real server makes a token for whoever is signed in.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

HERALD = os.environ.get("HERALD_URL", "http://127.0.0.1:8080").rstrip("/")
KEY = os.environ.get("HERALD_KEY", "")
PERSON = os.environ.get("HERALD_PERSON", "0190c1a0-0000-7000-8000-000000000001")
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8088
HERE = Path(__file__).parent
FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
# The components need no more than their script and their API.
POLICY = f"default-src 'self'; script-src 'self' {HERALD}; connect-src 'self' {HERALD}; require-trusted-types-for 'script'"


def herald(method, path, body):
    """Calls Herald with the key; status and JSON of the answer."""
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    request = urllib.request.Request(HERALD + path, json.dumps(body).encode(), headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Product(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/favicon.ico":  # browsers ask for one by themselves
            self.answer(204, "image/x-icon", "")
            return
        name, kind = FILES.get(self.path, (None, None))
        if name is None:
            self.answer(404, "text/plain", "nothing here")
            return
        text = (HERE / name).read_text().replace("{herald}", HERALD).replace("{person}", PERSON)
        self.answer(200, kind, text)

    def do_POST(self):
        # Another site's page must not act in the name of whoever is signed in here.
        if self.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            self.answer(403, "text/plain", "not from another site")
        elif self.path == "/token":
            status, said = herald("POST", f"/v1/users/{PERSON}/token", {"ttl_seconds": 600})
            self.answer(200 if status < 300 else 502, "application/json", json.dumps(said))
        elif self.path == "/send":
            status, said = herald("POST", "/v1/notifications", self.message())
            self.answer(202 if status < 300 else 502, "text/plain", said.get("id") or said.get("detail", ""))
        else:
            self.answer(404, "text/plain", "nothing here")

    def message(self):
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        return {
            "version": 1,
            "user_id": PERSON,
            "channel": "in_app",
            "content": {"title": form["title"][0], "body": form.get("body", [""])[0]},
            "inbox": {"tags": ["orders"], "actions": [{"id": "received", "label": "I have it", "primary": True}]},
        }

    def answer(self, status, kind, text):
        self.send_response(status)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-security-policy", POLICY)
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if not KEY:
        sys.exit("HERALD_KEY is missing: herald keys create --name inbox --scopes users:write,notifications:write")
    ana = {"id": PERSON, "email": "ana@example.com", "timezone": "Europe/Berlin"}
    status, said = herald("POST", "/v1/users", ana)
    if status >= 300 and said.get("code") != "user_exists":
        sys.exit(f"Herald at {HERALD} answers {status}: {said.get('detail')}")
    print(f"http://127.0.0.1:{PORT}")
    ThreadingHTTPServer(("127.0.0.1", PORT), Product).serve_forever()
