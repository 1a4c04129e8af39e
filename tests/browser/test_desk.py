"""The support desk's pages: a day of an agent by keyboard, two agents at once, texts of others, looks."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from test_console import EVIL, sign_in


@pytest.fixture(scope="module")
def staff(engine):
    """Two of the staff, and a category of theirs with targets."""
    people = [(str(uuid.uuid4()), name) for name in ("Ada", "Lea")]
    for level, (person, name) in enumerate(people, 1):
        engine.call("PUT", f"/v1/staff/{person}", {"name": name, "level": level})
    targets = {"high": {"first_response_minutes": 30, "resolution_minutes": 480}}
    assigned = [{"id": person, "is_primary": name == "Ada"} for person, name in people]
    engine.call("POST", "/v1/ticket-categories", {"name": "printers", "targets": targets, "staff": assigned})
    yield people
    for person, _ in people:
        engine.call("DELETE", f"/v1/staff/{person}")


@pytest.fixture
def ticket(engine, staff):
    """Makes a ticket: `ticket("The printer burns")`."""

    def make(subject, description="Since Monday there is smoke.", **fields):
        asked = {"subject": subject, "description": description, "requester_id": str(uuid.uuid4())}
        return engine.call("POST", "/v1/tickets", asked | {"category": "printers", "priority": "high"} | fields)

    return make


def write(page, label, who="Ada"):
    """Writes as somebody, and sends it with this button."""
    page.get_by_label("You are").first.select_option(label=who)
    page.get_by_role("button", name=label).click()


def test_an_agent_answers_notes_moves_and_gives_a_ticket(page, engine, ticket, picture):
    number = ticket("The printer burns")["number"]
    sign_in(page, engine, "/console/tickets")
    column = page.get_by_role("region", name=re.compile("^Open"))
    expect(column.get_by_text("due in")).not_to_have_count(0)
    picture(page, "desk-board")
    column.get_by_role("link", name=f"#{number} The printer burns").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"#{number} The printer burns")
    page.get_by_label("Text").fill("We bring water.")
    write(page, "Reply to the requester")
    expect(page.get_by_role("status")).to_contain_text("The answer is written")
    # Who they are is still chosen.
    page.get_by_label("Text").fill("It is the third time.")
    page.get_by_role("button", name="Note for staff alone").click()
    note = page.get_by_role("listitem").filter(has_text="It is the third time.")
    expect(note.get_by_text("internal: for staff alone")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="We bring water.").get_by_text("internal")).to_have_count(0)
    page.get_by_label("To", exact=True).nth(1).select_option(label="Lea")
    page.get_by_role("button", name="Give it").click()
    expect(page.get_by_role("definition").filter(has_text="Lea")).to_be_visible()
    page.get_by_label("Why").fill("it is hot")
    page.get_by_role("button", name="Bring it up").click()
    page.get_by_label("To", exact=True).first.select_option("resolved")
    page.get_by_label("How it was resolved").fill("With water.")
    page.get_by_role("button", name="Move it").click()
    expect(page.get_by_text("With water.")).to_be_visible()
    expect(page.get_by_role("button", name="Bring it up")).to_have_count(0)
    picture(page, "desk-ticket")
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("escalated").first).to_be_visible()
    page.get_by_role("link", name="Who changed what").click()
    expect(page.get_by_role("cell", name="escalate").first).to_be_visible()
    page.get_by_role("link", name="Targets kept").click()
    expect(page.get_by_role("row").filter(has_text="printers")).to_be_visible()


def test_of_two_agents_the_second_is_told_and_loses_nothing(page, engine, ticket, reports):
    reports.allow("409")
    number = ticket("Two at once")["number"]
    sign_in(page, engine, f"/console/tickets/{number}")
    page.get_by_label("Text").fill("A long and careful answer.")
    engine.call("POST", f"/v1/tickets/{number}/status", {"status": "waiting"})
    write(page, "Reply to the requester")
    expect(page.get_by_role("alert")).to_contain_text("Somebody has changed the ticket")
    expect(page.get_by_label("Text")).to_have_value("A long and careful answer.")
    expect(page.get_by_label("You are").first.locator("option:checked")).to_have_text("Ada")
    expect(page.get_by_text("waiting", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Reply to the requester").click()
    expect(page.get_by_role("status")).to_contain_text("The answer is written")


def test_a_category_is_mended_where_it_is_wrong(page, engine, staff, reports):
    reports.allow("422")
    sign_in(page, engine, "/console/ticket-categories")
    editor = page.get_by_label("Rules (JSON, as the API takes them)")
    editor.fill('{ "name": "", "staff": 7 }')
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("alert")).to_contain_text("/name")
    expect(editor).to_have_value('{ "name": "", "staff": 7 }')
    editor.fill('{ "name": "doors" }')
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("link", name="doors")).to_be_visible()


def test_what_others_write_runs_nowhere_at_the_desk(page, engine, ticket):
    number = ticket(EVIL[:200], EVIL, location=EVIL[:200], metadata={EVIL: EVIL})["number"]
    person = str(uuid.uuid4())
    engine.call("PUT", f"/v1/staff/{person}", {"name": EVIL[:100], "domain": EVIL[:60]})
    for internal in (True, False):
        engine.call("POST", f"/v1/tickets/{number}/comments", {"author_id": person, "comment": EVIL, "internal": internal})
    sign_in(page, engine, "/console/tickets")
    paths = ["", "?status=open", f"/{number}", f"/{number}/history"]
    for path in [f"/tickets{it}" for it in paths] + ["/staff", f"/staff?id={person}", "/ticket-audit", "/ticket-report"]:
        page.goto(f"{engine.url}/console{path}")
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        assert page.evaluate("window.hurt") is None, path
    engine.call("DELETE", f"/v1/staff/{person}")


@pytest.mark.parametrize("scheme,width", [("light", 1_100), ("dark", 360)])
def test_every_page_of_the_desk_is_accessible_and_fits(
    context_of, engine, staff, ticket, accessible, picture, reports, scheme, width
):
    reports.allow("422")
    made = ticket("The printer burns " + "very " * 20, "x" * 300, location="second floor")
    number = made["number"]
    for internal in (True, False):
        comment = {"author_id": staff[0][0], "comment": "long" * 100, "internal": internal}
        engine.call("POST", f"/v1/tickets/{number}/comments", comment)
    category = engine.call("GET", "/v1/ticket-categories")["data"][0]["id"]
    size = {"width": width, "height": 800}
    page = context_of(color_scheme=scheme, bypass_csp=True, viewport=size).new_page()
    sign_in(page, engine)
    places = {
        "board": "tickets", "list": "tickets?status=open", "wrong": "tickets?status=odd", "ticket": f"tickets/{number}",
        "history": f"tickets/{number}/history", "report": "ticket-report", "staff": "staff",
        "member": f"staff?id={staff[0][0]}", "categories": "ticket-categories",
        "category": f"ticket-categories/{category}", "changes": "ticket-audit",
    }
    for name, path in places.items():
        page.goto(f"{engine.url}/console/{path}")
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        accessible(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} wide"
        picture(page, f"desk-{name}-{scheme}")
