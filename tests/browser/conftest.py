"""One engine, one browser and one site for all tests; for each test pages that must report nothing."""

import os
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from engine import PICTURES, Engine, free_port
from host import Host
from people import Person
from reports import Reports

# A loaded machine is slow, not wrong.
expect.set_options(timeout=20_000)
AXE = Path(os.environ["HERALD_BROWSER_AXE"]).read_text()


@pytest.fixture(scope="session")
def host():
    host = Host()
    yield host
    host.close()


@pytest.fixture(scope="session")
def example_port():
    """Where examples/inbox is served, if a test does."""
    return free_port()


@pytest.fixture(scope="session")
def engine(host, example_port):
    engine = Engine([host.url, f"http://127.0.0.1:{example_port}"])
    engine.start()
    host.herald, host.tokens = engine.url, engine.token
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        # The sandbox of Chromium does not run as root; nothing but our own pages is opened.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(
            executable_path=os.environ["HERALD_BROWSER_CHROMIUM"], args=arguments
        )
        yield browser
        browser.close()


@pytest.fixture
def reports():
    """What the pages of this test report; at its end there must be nothing. `reports.allow(pattern)` for the rest."""
    reports = Reports()
    yield reports
    assert reports.unexpected() == []


@pytest.fixture
def context_of(browser, reports):
    """Makes a context (cookies and storage of its own) whose pages are watched: `context_of(color_scheme="dark")`."""
    contexts = []

    def make(**options):
        context = browser.new_context(**{"locale": "en-GB", "timezone_id": "Europe/Berlin"} | options)
        context.set_default_timeout(20_000)
        reports.watch(context)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(context_of):
    """A page that must not report anything."""
    return context_of().new_page()


@pytest.fixture
def person(engine):
    """Makes a person: `person().send("Title", "Body")`."""
    return lambda: Person(engine)


@pytest.fixture(scope="session")
def inbox(engine):
    """Skips what needs the inbox's stream where the engine has none."""
    if "/v1/inbox/stream" not in engine.call("GET", "/openapi.json")["paths"]:
        pytest.skip("this engine has no stream of inboxes")


@pytest.fixture
def ana(person):
    """A person of this test's own."""
    return person()


@pytest.fixture
def shows():
    """Shows an item in an inbox that Herald itself would have refused: `shows(page, {"title": ...})`."""

    def show(page, item):
        made = {"id": str(uuid.uuid4()), "delivered_at": "2026-01-01T00:00:00Z", "body": "", "tags": [], "actions": []}
        page.route("**/v1/inbox?*", lambda it: it.fulfill(
            json={"data": [made | item], "next": None}, headers={"access-control-allow-origin": "*"}
        ))
        page.route("**/v1/inbox/*/**", lambda it: it.fulfill(json={}, headers={"access-control-allow-origin": "*"}))
        page.locator("herald-inbox").evaluate("(it) => it.refresh()")

    return show


@pytest.fixture
def picture():
    """Keeps a screenshot: `picture(page, "name")`."""

    def take(page, name):
        page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")

    return take


@pytest.fixture
def accessible():
    """Fails on serious findings of axe-core, by the rules of WCAG 2.2 AA: `accessible(page)`. The page's context
    needs `bypass_csp=True`."""

    def check(page):
        page.evaluate(AXE)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", tags)
        serious = [it for it in found["violations"] if it["impact"] in ("serious", "critical")]
        told = [f"{it['id']}: {node['html']} {node['failureSummary']}" for it in serious for node in it["nodes"]]
        assert told == []

    return check
