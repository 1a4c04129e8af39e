"""`<herald-inbox>`: every state, in two tabs."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("inbox")


@pytest.fixture
def tabs(context_of, host, ana):
    """Opens Ana's inbox in so many windows: of two tabs in one window a browser draws only one in time."""

    def open_tabs(count=1, **attributes):
        pages = [context_of().new_page() for _ in range(count)]
        for page in pages:
            page.goto(host.page(ana.id, **attributes))
        return pages

    return open_tabs


def item(page, title):
    heading = page.locator(".heading", has_text=re.compile(f"^{re.escape(title)}$"))
    return page.get_by_role("article").filter(has=heading)


def bell(page):
    return page.locator("button.bell")


def shown(page):
    """Opens the list."""
    bell(page).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def titles(page):
    return page.locator("article .heading")


def undo(page):
    page.get_by_role("button", name="Undo").click()


def test_what_arrives_is_shown_counted_and_seen_in_both_tabs(tabs, ana, picture):
    first, second = tabs(2)
    ana.send("One", "The **first**")
    for page in (first, second):
        expect(bell(page)).to_have_accessible_name("Notifications, 1 new")
    shown(first)
    expect(item(first, "One").locator("strong")).to_have_text("first")
    ana.send("Two", "The second")
    expect(titles(first)).to_have_text(["Two", "One"])
    expect(first.get_by_role("status")).to_have_text("New: Two")
    expect(bell(second)).to_have_accessible_name("Notifications, 2 new")
    # They were before somebody's eyes: seen, and not read.
    counts = "told.filter((it) => it[0] === 'herald-counts').at(-1)[1]"
    second.wait_for_function(f"() => {counts}.unseen === 0 && {counts}.unread === 2")
    picture(first, "inbox")


def test_read_archived_deleted_and_snoozed_agree_in_both_tabs_and_are_undone(tabs, ana):
    first, second = tabs(2)
    ana.send("Bill", "Pay it")
    for page in (first, second):
        shown(page)
        expect(item(page, "Bill")).to_be_visible()
    there, here = item(second, "Bill"), item(first, "Bill")

    here.get_by_role("button", name="Mark as read").click()
    expect(there).not_to_have_attribute("data-unread", "")
    expect(bell(second)).to_have_accessible_name("Notifications")
    undo(first)
    expect(there).to_have_attribute("data-unread", "")
    expect(bell(second)).to_have_accessible_name("Notifications, 1 new")
    there.get_by_role("button", name="Mark as read").click()
    there.get_by_role("button", name="Mark as unread").click()
    expect(here).to_have_attribute("data-unread", "")

    here.get_by_role("button", name="Archive").click()
    expect(there).to_have_count(0)
    second.get_by_role("tab", name="Archived").click()
    expect(there).to_be_visible()
    undo(first)
    expect(here).to_be_visible()
    expect(there).to_have_count(0)
    second.get_by_role("tab", name="All").click()
    expect(there).to_be_visible()

    here.get_by_role("button", name="Delete").click()
    expect(here).to_have_count(0)
    expect(there).to_have_count(0)
    undo(first)
    expect(there).to_be_visible()
    expect(here).to_be_visible()

    here.get_by_role("button", name="Remind me later").click()
    expect(first.get_by_role("menuitem")).to_have_count(3)
    first.get_by_role("menuitem", name="Tomorrow morning").click()
    expect(there).to_have_count(0)
    expect(bell(second)).to_have_accessible_name("Notifications")
    undo(first)
    expect(there).to_be_visible()
    expect(here).to_be_visible()
    here.get_by_role("button", name="Remind me later").click()
    first.get_by_role("menuitem", name="In an hour").click()
    second.get_by_role("tab", name="Later").click()
    there.get_by_role("button", name="Bring back now").click()
    expect(there).to_have_count(0)
    expect(here).to_be_visible()


def test_mark_all_leaves_nothing_unread(tabs, ana):
    first, second = tabs(2)
    for number in range(3):
        ana.send(f"Item {number}", "x")
    for page in (first, second):
        shown(page)
        expect(titles(page)).to_have_count(3)
    first.get_by_role("button", name="Mark all as read").click()
    for page in (first, second):
        expect(page.locator("article[data-unread]")).to_have_count(0)
        expect(bell(page)).to_have_accessible_name("Notifications")
    second.get_by_role("tab", name="Unread").click()
    expect(second.get_by_text("You have read everything.")).to_be_visible()
    first.get_by_role("button", name="Undo").click()
    expect(first.locator("article[data-unread]")).to_have_count(3)
    second.get_by_role("tab", name="All").click()
    expect(second.locator("article[data-unread]")).to_have_count(3)


def test_buttons_are_pressed_once_for_all_tabs_told_and_undone(tabs, ana):
    first, second = tabs(2)
    buttons = [{"id": "yes", "label": "Accept", "primary": True}, {"id": "no", "label": "Decline"}]
    ana.send("Invitation", "Come?", actions=buttons)
    for page in (first, second):
        shown(page)
    item(first, "Invitation").get_by_role("button", name="Accept").click()
    done = item(second, "Invitation").get_by_role("button", name="Accept (done)")
    expect(done).to_have_attribute("aria-disabled", "true")
    told = first.evaluate("told.filter((it) => it[0] === 'herald-action').map((it) => it[1].action.id)")
    assert told == ["yes"]
    undo(first)
    expect(item(second, "Invitation").get_by_role("button", name="Accept", exact=True)).to_be_visible()


def test_opening_reads_and_follows_unless_the_page_does_it(tabs, ana, host):
    (page,) = tabs()
    ana.send("Here", "x", url="/place?element=herald-inbox")
    shown(page)
    page.evaluate("addEventListener('herald-item-open', (event) => event.preventDefault(), { once: true })")
    item(page, "Here").get_by_role("link", name="Here").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.url == host.page(ana.id)
    shown(page)
    expect(item(page, "Here")).not_to_have_attribute("data-unread", "")
    item(page, "Here").get_by_role("link", name="Here").click()
    page.wait_for_url("**/place?element=herald-inbox")


def test_a_long_list_comes_page_by_page(tabs, ana):
    for number in range(45):
        ana.send(f"Item {number}", "x")
    (page,) = tabs()
    ana.wait_for(45)
    shown(page)
    expect(titles(page).first).to_have_text("Item 44")
    for _ in range(45):
        page.keyboard.press("ArrowDown")
        if titles(page).count() == 45:
            break
    expect(titles(page)).to_have_count(45)
    expect(titles(page).last).to_have_text("Item 0")
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()


def test_filters_and_tags_choose(tabs, ana):
    ana.send("Old", "x", tags=["billing"])
    ana.send("New", "x", tags=["support"])
    page, tagged = tabs(1) + tabs(1, tags="billing")
    shown(tagged)
    expect(titles(tagged)).to_have_text(["Old"])
    ana.send("Newer", "x", tags=["support"])
    ana.send("Newest", "x", tags=["billing"])
    expect(titles(tagged)).to_have_text(["Newest", "Old"])
    shown(page)
    expect(titles(page)).to_have_text(["Newest", "Newer", "New", "Old"])
    item(page, "New").get_by_role("button", name="Mark as read").click()
    page.get_by_role("tab", name="Unread").click()
    expect(titles(page)).to_have_text(["Newest", "Newer", "Old"])


def test_nobody_sees_what_is_somebody_elses(tabs, ana, person):
    ben = person()
    (page,) = tabs()
    ben.send("For Ben", "x")
    ana.send("For Ana", "x")
    ben.wait_for(1)
    shown(page)
    expect(titles(page)).to_have_text(["For Ana"])
