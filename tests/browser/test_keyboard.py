"""`<herald-inbox>` by keyboard alone, and for those who hear it."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("inbox")


def focused(page):
    """The text of what has the focus."""
    return page.evaluate("""() => {
      const inner = document.activeElement.shadowRoot?.activeElement ?? document.activeElement;
      return inner.getAttribute("aria-label") ?? inner.querySelector(".heading")?.textContent ?? inner.textContent;
    }""")


def test_everything_is_done_by_keys_and_the_focus_stays(page, host, ana):
    for title in ("Three", "Two", "One"):
        ana.send(title, "x", actions=[{"id": "ok", "label": f"Press {title}"}])
        ana.wait_for(1, title)
    page.goto(host.page(ana.id))
    bell = page.locator("button.bell")
    expect(bell).to_have_accessible_name("Notifications, 3 new")
    bell.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("article")).to_have_count(3)
    page.keyboard.press("ArrowDown")
    if focused(page) != "One":
        page.keyboard.press("Home")
    assert focused(page) == "One"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "Three"
    page.keyboard.press("ArrowUp")
    assert focused(page) == "Two"

    # The tabulator reaches the buttons of this item, and of no other.
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(focused(page))
    assert reached[:6] == ["Two", "Press Two", "Mark as read", "Archive", "Remind me later", "Delete"]
    assert "Elsewhere" not in reached and "Press One" not in reached

    while focused(page) != "Mark as read":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert focused(page) == "Mark as unread"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article")).to_have_count(2)
    assert focused(page) == "Three"
    page.keyboard.press("Control+z")
    expect(page.get_by_role("article")).to_have_count(3)

    page.keyboard.press("Delete")
    expect(page.get_by_role("article")).to_have_count(2)
    page.keyboard.press("Tab")
    while focused(page) != "Remind me later":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    assert focused(page) == "Remind me later"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert focused(page) == "Notifications, 2 new" or focused(page).startswith("Notifications")


def test_lists_are_chosen_with_arrows(page, host, ana):
    page.goto(host.page(ana.id))
    page.locator("button.bell").click()
    page.get_by_role("tab", name="All").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Archived")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("Nothing is archived.")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="All")).to_be_focused()


def test_a_new_one_leaves_the_focus_where_it_is_and_is_said(page, host, ana):
    ana.send("First", "x")
    page.goto(host.page(ana.id))
    page.locator("button.bell").click()
    expect(page.get_by_role("article")).to_have_count(1)
    page.get_by_role("button", name="Archive").focus()
    ana.send("Second", "x")
    expect(page.get_by_role("article")).to_have_count(2)
    assert focused(page) == "Archive"
    expect(page.get_by_role("status")).to_have_text("New: Second")
