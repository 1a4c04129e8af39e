"""People of the default tenant, and what they are sent in the app."""

import uuid

from engine import until


class Person:
    """Somebody with an inbox."""

    def __init__(self, engine):
        self.engine = engine
        self.id = str(uuid.uuid4())
        email = f"{self.id}@example.com"
        engine.call("POST", "/v1/users", {"id": self.id, "email": email, "timezone": "Europe/Berlin"})

    def send(self, title, body, **inbox):
        """Sends a notification, with `tags`, `actions`, `url`; what is sent next comes after it."""
        message = {"version": 1, "user_id": self.id, "channel": "in_app", "content": {"title": title, "body": body}}
        sent = self.engine.call("POST", "/v1/notifications", message | ({"inbox": inbox} if inbox else {}))["id"]
        until(lambda: self.engine.call("GET", f"/v1/notifications/{sent}")["status"] == "sent", f"{sent} is sent")
        return sent

    def token(self, ttl=3_600):
        """A token of theirs, for so many seconds."""
        return self.engine.token(self.id, ttl)

    def items(self):
        """What is in their inbox, at most 200."""
        return self.engine.call("GET", "/v1/inbox?limit=200", key=self.token())["data"]

    def wait_for(self, count, title=None):
        """Waits until so many are there, of a title or of any."""
        there = lambda: sum(1 for it in self.items() if title in (None, it["title"])) >= count
        until(there, f"{count} in the inbox of {self.id}")
