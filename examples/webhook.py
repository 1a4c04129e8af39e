#!/usr/bin/env python3
"""Takes webhooks at 127.0.0.1:PORT and prints what they tell: webhook.py PORT.

Needs standardwebhooks (pip install standardwebhooks) and HERALD_WEBHOOK_SECRET, the whsec_... that
POST /v1/webhooks answered.
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

WEBHOOK = Webhook(os.environ["HERALD_WEBHOOK_SECRET"])
SEEN = set()  # a database's unique key, in earnest


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        # The raw bytes: JSON that was parsed and written again has another signature.
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            event = WEBHOOK.verify(body.decode(), headers)
        except (WebhookVerificationError, ValueError):  # ValueError: no signature at all, or no UTF-8
            return self.answer(401)
        if headers["webhook-id"] not in SEEN:  # delivered at least once
            SEEN.add(headers["webhook-id"])
            print(event["type"], event["data"].get("id"), flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
