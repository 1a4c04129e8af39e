"""The operators' pages: signing in, finding why somebody did not get it, dead letters, pauses, what moves by itself."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from engine import until

# What must never be run, wherever somebody else writes it.
EVIL = "<img src=x onerror=\"window.hurt=1\"><script>window.hurt=1</script>'\"&"


def sign_in(page, engine, path="/console"):
    """Signs in by keyboard alone; ends at the page that was asked for."""
    page.goto(engine.url + path)
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type(engine.key)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(path) + "$"))


@pytest.fixture
def desk(page, engine):
    """A page of somebody who is signed in with all scopes."""
    sign_in(page, engine)
    return page


@pytest.fixture(scope="module")
def account(engine):
    """An account that accepts everything and sends nothing."""
    name = "console-sandbox"
    engine.call("POST", "/v1/providers", {"name": name, "kind": "sandbox", "channel": "email"})
    yield name
    engine.call("DELETE", f"/v1/providers/{name}")


def failed(engine, **fields):
    """A mail to somebody without an address: it fails at once. Its id, and the person's."""
    person = str(uuid.uuid4())
    engine.call("POST", "/v1/users", {"id": person, "username": person, "name": fields.pop("name", "Ana")})
    content = fields.pop("content", {"subject": "Your order", "body": "It is on its way."})
    message = {"version": 1, "user_id": person, "channel": "email", "content": content}
    sent = engine.call("POST", "/v1/notifications", message | fields)["id"]
    until(lambda: engine.call("GET", f"/v1/notifications/{sent}")["status"] == "failed", f"{sent} fails")
    return sent, person


def test_operator_finds_why_ana_did_not_get_it(page, engine, picture):
    sent, person = failed(engine, category="orders", source={"type": "order", "id": "A-17"})
    sign_in(page, engine, "/console/find")
    page.get_by_label("A person, or an id").fill(person)
    page.keyboard.press("Enter")
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page).to_have_url(f"{engine.url}/console/notifications/{sent}")
    expect(page.get_by_text("no_address").first).to_be_visible()
    expect(page.get_by_role("heading", name="Dead letter")).to_be_visible()
    expect(page.get_by_text("It is on its way.")).to_have_count(0)
    page.get_by_role("button", name="Show address and content").click()
    expect(page.get_by_text("It is on its way.")).to_be_visible()
    picture(page, "console-story")
    page.get_by_role("link", name=person).click()
    expect(page.get_by_role("heading", name="What they get")).to_be_visible()
    # Mail is not among what reaches them, as they have no address: it is said of the channel by hand.
    page.get_by_label("Channel").fill("email")
    page.get_by_label("It comes (yes, no)").fill("no")
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("status")).to_have_text("What they want is stored.")
    expect(page.get_by_role("button", name="Switch on email")).to_be_visible()
    # What would happen now, in the editor.
    page.get_by_role("link", name="What would happen?").click()
    editor = page.get_by_label("Envelope (JSON)")
    editor.fill(editor.input_value().replace('"user_id": ""', f'"user_id": "{person}"'))
    page.get_by_role("button", name="Explain it").click()
    expect(page.locator("#answer")).to_be_visible()
    expect(page.get_by_text("channel_disabled").first).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    page.goto(f"{engine.url}/console")
    expect(page.get_by_label("API key")).to_be_visible()


def test_dead_letters_are_counted_and_replayed_by_a_job_that_is_watched(desk, engine):
    for _ in range(3):
        failed(engine)
    desk.get_by_role("link", name="Dead letters").click()
    desk.get_by_role("table").first.get_by_role("link", name="no_address").click()
    desk.get_by_role("button", name="What would a replay do?").click()
    expect(desk.locator("#plan")).to_be_visible()
    desk.get_by_role("button", name="Send them on their way again").click()
    expect(desk.get_by_role("heading", name="Job")).to_be_visible()
    # The page moves by itself.
    expect(desk.get_by_text("finished")).to_be_visible()
    desk.get_by_role("link", name="Jobs").click()
    expect(desk.get_by_role("cell", name="finished").first).to_be_visible()


def test_an_account_is_stopped_tried_and_goes_on(desk, account, reports):
    reports.allow("422")
    desk.get_by_role("navigation").get_by_role("link", name="Accounts").click()
    desk.get_by_role("link", name=account).click()
    desk.get_by_label("Why").fill("a test")
    desk.get_by_label("For how long (30m, 2h)").fill("soon")
    desk.get_by_role("button", name="Stop it").click()
    mistake = desk.get_by_role("alert")
    expect(mistake).to_contain_text("Write a time")
    expect(desk.get_by_label("For how long (30m, 2h)")).to_have_attribute("aria-invalid", "true")
    desk.get_by_label("For how long (30m, 2h)").fill("5m")
    desk.get_by_role("button", name="Stop it").click()
    expect(desk.get_by_text("Stopped until")).to_be_visible()
    desk.get_by_role("button", name="End the pause").click()
    expect(desk.get_by_role("status")).to_have_text("It goes on.")
    desk.get_by_label("Requests a minute (none: no limit)").fill("600")
    desk.get_by_role("button", name="Change it").click()
    expect(desk.get_by_text("600 a minute over all nodes")).to_be_visible()


def test_overview_moves_by_itself_until_it_is_stopped(desk, engine, account, person):
    sent = desk.locator("dt", has_text="Sent in the last hour").locator("xpath=following-sibling::dd/b")
    before = int(sent.inner_text().replace(",", ""))
    who = person()
    for number in range(3):
        who.send(f"Item {number}", "x")
    later = re.compile(f"^({'|'.join(f'{before + more:,}' for more in range(3, 30))})$")
    expect(sent).to_have_text(later, timeout=40_000)
    stop = desk.get_by_role("button", name="Stop updating")
    stop.click()
    expect(desk.get_by_role("button", name="Update again")).to_be_visible()


PLACES = [
    "", "/find?status=failed", "/explain", "/dead-letters", "/jobs", "/rejected", "/quarantine", "/accounts",
    "/accounts/console-sandbox", "/templates", "/templates/console-order", "/webhooks", "/events", "/suppressions",
    "/keys", "/audit", "/tenant", "/nowhere", "/workflows", "/workflows/console-order", "/runs", "/digests",
]


@pytest.fixture(scope="module")
def things(engine, account):
    """Something for each page. The paths of some of them."""
    texts = {"channel": "email", "locale": "en", "subject": "Order", "body": "It is on its way.", "variables": []}
    engine.call("PUT", "/v1/templates/console-order", texts)
    engine.call("POST", "/v1/templates/console-order/publish", {})
    hook = engine.call("POST", "/v1/webhooks", {"url": "https://example.com/hook", "events": ["*"]})["id"]
    engine.call("POST", f"/v1/webhooks/{hook}/test")
    engine.call("POST", "/v1/suppressions", {"channel": "email", "address": "nobody@example.com"})
    sent, person = failed(engine)
    steps = [{"delay": {"for": "1h"}}, {"send": {"channel": "email", "template": "console-order"}}]
    engine.call("PUT", "/v1/workflows/console-order", {"on": "console.order", "recipients": ["data.who"], "steps": steps})
    engine.call("POST", "/v1/workflows/console-order/publish", {})
    event = {"specversion": "1.0", "id": person, "source": "/console", "type": "console.order", "data": {"who": person}}
    happened = engine.call("POST", "/v1/events", event)["id"]
    run = engine.call("GET", f"/v1/events/{happened}")["runs"][0]["id"]
    yield [f"/notifications/{sent}", f"/people/{person}", f"/webhooks/{hook}", f"/runs/{run}"]
    engine.call("DELETE", f"/v1/webhooks/{hook}")


@pytest.mark.parametrize("scheme,width", [("light", 1_100), ("dark", 360)])
def test_every_page_is_accessible_and_fits(context_of, engine, things, accessible, picture, reports, scheme, width):
    reports.allow("404")
    size = {"width": width, "height": 800}
    page = context_of(color_scheme=scheme, bypass_csp=True, viewport=size).new_page()
    page.goto(f"{engine.url}/console/sign-in")
    accessible(page)
    picture(page, f"console-sign-in-{scheme}")
    sign_in(page, engine)
    for path in PLACES + things:
        page.goto(f"{engine.url}/console{path}")
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        accessible(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} wide"
        name = re.sub(r"[^a-z]+", "-", path.split("?")[0].split("/", 3)[1] if path else "overview")
        picture(page, f"console-{name}-{scheme}")
    # The first stop of the tabulator leads past the menu.
    page.goto(f"{engine.url}/console")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_texts_of_others_run_nowhere(desk, engine, reports):
    # What the frame of a mail's HTML keeps from running.
    reports.allow(r"Blocked script execution|/html\?proof=")
    html = f"<p>Hello</p>{EVIL}<form action='https://example.com'><button>x</button></form>"
    content = {"subject": "x", "body": EVIL, "html": html}
    sent, person = failed(engine, name=EVIL, category=EVIL[:90], source={"type": "t", "id": EVIL}, content=content)
    for path in (f"/notifications/{sent}", f"/people/{person}", f"/find?user_id={person}", "/dead-letters", "/audit"):
        desk.goto(f"{engine.url}/console{path}")
        expect(desk.get_by_role("heading", level=1)).to_have_count(1)
        assert desk.evaluate("window.hurt") is None, path
    desk.goto(f"{engine.url}/console/notifications/{sent}")
    desk.get_by_role("button", name="Show address and content").click()
    frame = desk.frame_locator("iframe")
    expect(frame.get_by_text("Hello")).to_be_visible()
    assert desk.evaluate("window.hurt") is None
    assert desk.locator("iframe").get_attribute("sandbox") == ""


def test_others_sites_neither_show_nor_drive_it(page, engine, host, reports):
    reports.allow("frame-ancestors|Refused to|Framing|403")
    sign_in(page, engine)
    # A link from elsewhere opens the page, though the cookie is kept back from the first request.
    page.goto(host.url)
    page.evaluate("(to) => { location.href = to; }", f"{engine.url}/console/find")
    expect(page.get_by_role("heading", name="Find notifications")).to_be_visible()
    # A page of another site frames nothing of it, and posts nothing to it.
    page.goto("about:blank")
    page.set_content(f"""<iframe src="{engine.url}/console"></iframe>
      <form method="post" action="{engine.url}/console/sign-out"><button>Win a prize</button></form>""")
    assert "Overview" not in page.frame_locator("iframe").locator("body").inner_text()
    page.get_by_role("button", name="Win a prize").click()
    # The cookie is kept back: for Herald, nobody has posted it.
    expect(page.get_by_label("API key")).to_be_visible()
    page.goto(f"{engine.url}/console")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
