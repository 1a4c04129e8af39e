"""How long it takes from an item's storing until a browser shows it: `script/browser --measure`.

Pages with `<herald-inbox>`, each of a person of its own, stand open in Chromium. Items come at a steady rate; each page notes
when the item's node is in its list, and when the browser has drawn the frame behind that. All clocks are one machine's.
"""

import argparse
import http.client
import json
import os
import sys
import threading
import time
from datetime import datetime

from playwright.sync_api import sync_playwright

from engine import Engine, until
from host import Host
from people import Person

# Notes each title that the list shows for the first time: when its node was there, and when it was drawn.
WATCH = """() => {
  window.shown = {};
  const root = document.querySelector("herald-inbox").shadowRoot;
  const look = () => {
    const now = Date.now();
    for (const heading of root.querySelectorAll("article .heading")) {
      const title = heading.textContent;
      if (title in shown) continue;
      shown[title] = [now, null];
      requestAnimationFrame(() => setTimeout(() => { shown[title][1] = Date.now(); }));
    }
  };
  new MutationObserver(look).observe(root, { childList: true, subtree: true, characterData: true });
}"""


class Sender:
    """Posts to one engine by one connection."""

    def __init__(self, engine):
        self.connection = http.client.HTTPConnection(engine.address, timeout=60)
        self.headers = {"authorization": f"Bearer {engine.key}", "content-type": "application/json"}

    def send(self, person, title):
        """Sends an item; when it was accepted, in milliseconds."""
        message = {
            "version": 1, "user_id": person.id, "channel": "in_app", "priority": "high",
            "content": {"title": title, "body": "Measured"},
        }
        self.connection.request("POST", "/v1/notifications", json.dumps(message), self.headers)
        answer = self.connection.getresponse()
        said = answer.read()
        assert answer.status == 202, said
        return time.time() * 1_000


def send_all(engine, people, asked):
    """Sends to one person after the other at the rate; when each was accepted, by title."""
    accepted, failures = {}, []

    def work(first):
        try:
            sender = Sender(engine)
            for number in range(first, asked.rate * asked.seconds, asked.senders):
                # A time of its own for each: one that is late delays no other.
                wait = begun + number / asked.rate - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                title = f"m-{number}"
                accepted[title] = sender.send(people[number % len(people)], title)
        except Exception as error:  # noqa: BLE001: it is told, and ends the measurement
            failures.append(error)

    begun = time.monotonic()
    threads = [threading.Thread(target=work, args=(first,)) for first in range(asked.senders)]
    for thread in threads:
        thread.start()
    return accepted, failures, threads


def figures(times):
    """p50, p99 and the longest, in milliseconds."""
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    return f"p50 {at(0.5):.0f} ms, p99 {at(0.99):.0f} ms, longest {times[-1]:.0f} ms"


def stored(people):
    """When each item was stored, by title: the server's clock, right before the commit."""
    found = {}
    for person in people:
        after = ""
        while after is not None:
            path = f"/v1/inbox?limit=200{after}"
            page = person.engine.call("GET", path, key=person.token())
            for item in page["data"]:
                found[item["title"]] = datetime.fromisoformat(item["delivered_at"]).timestamp() * 1_000
            after = f"&after={page['next']}" if page["next"] else None
    return found


def measure(browser, engine, host, asked):
    people = [Person(engine) for _ in range(asked.pages)]
    pages = []
    for person in people:
        # A window of its own each: of two tabs in one window a browser draws only one in time.
        page = browser.new_context(locale="en-GB").new_page()
        page.goto(host.page(person.id, inline=""))
        page.wait_for_function("() => told.some((it) => it[0] === 'herald-counts')")
        page.evaluate(WATCH)
        pages.append(page)
    accepted, failures, threads = send_all(engine, people, asked)
    # The pages are this thread's: it keeps them going meanwhile.
    while any(thread.is_alive() for thread in threads):
        pages[0].wait_for_timeout(100)
    assert not failures, failures
    for index, page in enumerate(pages):
        titles = [f"m-{number}" for number in range(index, asked.rate * asked.seconds, len(pages))]
        page.wait_for_function("(titles) => titles.every((it) => shown[it]?.[1])", arg=titles, timeout=60_000)
    shown = {title: at for page in pages for title, at in page.evaluate("shown").items()}
    there = stored(people)
    assert accepted.keys() <= shown.keys() & there.keys(), "something was not shown"
    node = [shown[title][0] - there[title] for title in accepted]
    drawn = [shown[title][1] - there[title] for title in accepted]
    answered = [shown[title][0] - at for title, at in accepted.items()]
    print(f"{len(accepted)} items to {len(pages)} pages, {asked.rate} a second, all shown once")
    print(f"stored to its node in the list: {figures(node)}")
    print(f"stored to drawn:                {figures(drawn)}")
    print(f"accepted (202) to its node:     {figures(answered)}")


def main():
    asking = argparse.ArgumentParser(prog="script/browser --measure")
    asking.add_argument("--pages", type=int, default=10)
    asking.add_argument("--rate", type=int, default=20, help="items a second, over all pages")
    asking.add_argument("--seconds", type=int, default=30)
    asking.add_argument("--senders", type=int, default=4)
    asked = asking.parse_args()
    host = Host()
    engine = Engine([host.url])
    engine.start()
    try:
        host.herald, host.tokens = engine.url, engine.token
        until(lambda: "/v1/inbox/stream" in engine.call("GET", "/openapi.json")["paths"], "the engine has streams")
        with sync_playwright() as playwright:
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = playwright.chromium.launch(
                executable_path=os.environ["HERALD_BROWSER_CHROMIUM"], args=arguments
            )
            measure(browser, engine, host, asked)
            browser.close()
    finally:
        engine.stop()
        host.close()


if __name__ == "__main__":
    sys.exit(main())
