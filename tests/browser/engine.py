"""A running engine, as the environment of script/browser describes it, and calls of its API."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

PROGRAM = os.environ["HERALD_BROWSER_PROGRAM"]
PICTURES = Path(os.environ["HERALD_BROWSER_PICTURES"])
LIMIT = 60


def free_port():
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(true, what):
    """Waits until something is true: what the engine does, which no browser shows."""
    end = time.monotonic() + LIMIT
    while not (found := true()):
        assert time.monotonic() < end, f"not within {LIMIT} s: {what}"
        time.sleep(0.05)
    return found


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status


class Engine:
    """`herald serve`. `stop` and `start` may follow each other: it stays at its address."""

    def __init__(self, origins):
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"
        self.environment = os.environ | {
            "HERALD__HTTP__BIND": self.address,
            "HERALD__HTTP__CORS_ORIGINS": ",".join(origins),
            # A test that restarts it does not wait for long.
            "HERALD__INBOX__RECONNECT_SPREAD": "1s",
        }
        self.process = None
        made = subprocess.run(
            [PROGRAM, "keys", "create", "--name", "browser", "--scopes", "admin", "--json"],
            env=self.environment, capture_output=True, check=True, text=True,
        )
        self.key = json.loads(made.stdout)["key"]

    def start(self):
        log = open(PICTURES / "engine.log", "ab")
        # It ends with us, however we end.
        ends_too = lambda: ctypes.CDLL(None).prctl(1, signal.SIGTERM)
        self.process = subprocess.Popen(
            [PROGRAM, "serve"], env=self.environment, stdout=log, stderr=log, preexec_fn=ends_too
        )
        until(self.is_ready, f"{self.url}/readyz answers 200; see {log.name}")

    def is_ready(self):
        assert self.process.poll() is None, "the engine has ended: see engine.log"
        try:
            return urllib.request.urlopen(f"{self.url}/readyz", timeout=5).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(LIMIT)

    def call(self, method, path, body=None, key=None):
        """Calls the API as an operator, or with another key or token; the JSON of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key or self.key}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode()) from error

    def token(self, user, ttl=3_600):
        """A person's token, for so many seconds."""
        return self.call("POST", f"/v1/users/{user}/token", {"ttl_seconds": ttl})["token"]
