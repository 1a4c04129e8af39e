"""`<herald-inbox>` when the way to Herald is not always there."""

import pytest
from playwright.sync_api import expect

from engine import until

pytestmark = pytest.mark.usefixtures("inbox")


def titles(page):
    return page.locator("article .heading")


def test_a_restart_loses_nothing(page, host, engine, ana, reports):
    reports.allow("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|status of 503")
    page.goto(host.page(ana.id, inline=""))
    ana.send("Before", "x")
    expect(titles(page)).to_have_text(["Before"])
    engine.stop()
    page.wait_for_function("() => told.some((it) => it[0] === 'herald-error')")
    engine.start()
    ana.send("After", "x")
    expect(titles(page)).to_have_text(["After", "Before"])


def test_a_token_that_ends_is_replaced_and_nothing_is_missed(page, host, ana, monkeypatch):
    usual = host.tokens
    monkeypatch.setattr(host, "tokens", lambda user: usual(user, 4))
    before = len(host.asked)
    page.goto(host.page(ana.id, inline=""))
    ana.send("First", "x")
    expect(titles(page)).to_have_text(["First"])
    # Each stream ends with its token, and the next one takes it up.
    until(lambda: page.evaluate("1") and len(host.asked) >= before + 3, "three tokens")
    ana.send("Second", "x")
    expect(titles(page)).to_have_text(["Second", "First"])
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator("article[data-unread]")).to_have_count(0)


def test_a_token_that_opens_nothing_is_told_to_the_page(page, host, ana, reports, monkeypatch):
    reports.allow("status of 401")
    monkeypatch.setattr(host, "tokens", lambda user: "not.a.token")
    page.goto(host.page(ana.id))
    page.wait_for_function("() => told.some((it) => it[0] === 'herald-error' && it[1].status === 401)")
    page.locator("button.bell").click()
    expect(page.get_by_text("Your notifications could not be loaded.")).to_be_visible()
    monkeypatch.undo()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Nothing here.")).to_be_visible()


def test_somebody_elses_items_do_not_stay_on_the_screen(page, host, ana, person):
    ben = person()
    ana.send("For Ana", "x")
    ben.send("For Ben", "x")
    ben.wait_for(1)
    page.goto(host.page(ana.id, inline=""))
    expect(titles(page)).to_have_text(["For Ana"])
    inbox = page.locator("herald-inbox")
    inbox.evaluate("(it) => { it.getToken = null; }")
    expect(titles(page)).to_have_count(0)
    token = host.tokens(ben.id)
    inbox.evaluate("(it, [id, token]) => { it.userId = id; it.getToken = () => token; }", [ben.id, token])
    expect(titles(page)).to_have_text(["For Ben"])


def test_a_token_in_an_attribute_is_renewed_without_a_new_beginning(page, host, ana):
    page.goto(host.page(ana.id, inline=""))
    inbox = page.locator("herald-inbox")
    ana.send("First", "x")
    tokens = [host.tokens(ana.id) for _ in range(2)]
    inbox.evaluate("(it, token) => { it.getToken = null; it.setAttribute('token', token); }", tokens[0])
    expect(titles(page)).to_have_text(["First"])
    with page.expect_request("**/v1/inbox/*/read") as request:
        inbox.evaluate("(it, token) => it.setAttribute('token', token)", tokens[1])
        expect(titles(page)).to_have_text(["First"])
        page.get_by_role("button", name="Mark as read").click()
    assert request.value.method == "PUT"


def test_the_browsers_own_event_source_misses_nothing(page, host, engine, ana, reports):
    """The judge of `Last-Event-ID` is the browser: it reconnects by itself, with what it was told last."""
    reports.allow("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE")
    page.goto(host.url)
    page.evaluate("""(url) => {
      const source = new EventSource(url);
      window.heard = [];
      window.counted = 0;
      window.errors = 0;
      source.addEventListener("counts", () => { window.counted += 1; });
      source.addEventListener("error", () => { window.errors += 1; });
      source.addEventListener("item", (event) => window.heard.push([JSON.parse(event.data).title, event.lastEventId]));
    }""", f"{engine.url}/v1/inbox/stream?access_token={ana.token()}")
    page.wait_for_function("() => counted > 0")
    ana.send("First", "x")
    page.wait_for_function("() => heard.length === 1")
    for title in ("Second", "Third"):
        before = page.evaluate("errors")
        engine.stop()
        page.wait_for_function("(before) => errors > before", arg=before)
        engine.start()
        ana.send(title, "x")
        page.wait_for_function("(title) => heard.some((it) => it[0] === title)", arg=title)
    heard = page.evaluate("heard")
    assert [title for title, _ in heard] == ["First", "Second", "Third"]
    places = [int(place) for _, place in heard]
    assert places == sorted(set(places))
