"""How the components look: dark, light, narrow, in other languages; axe-core has nothing serious to say."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("inbox")

BUTTONS = [{"id": "yes", "label": "Accept", "primary": True}, {"id": "no", "label": "Decline"}]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_inbox_is_accessible(context_of, host, ana, accessible, picture, scheme):
    page = context_of(color_scheme=scheme, bypass_csp=True).new_page()
    ana.send("Old", "Read `this` at https://example.com/x", tags=["billing"])
    ana.send("Invitation", "Come to the **party**?", actions=BUTTONS, url="/party")
    page.goto(host.page(ana.id))
    page.locator("button.bell").click()
    expect(page.get_by_role("article")).to_have_count(2)
    page.get_by_role("article").last.get_by_role("button", name="Mark as read").click()
    page.get_by_role("button", name="Accept").click()
    accessible(page)
    picture(page, f"inbox-{scheme}")
    page.get_by_role("tab", name="Archived").click()
    expect(page.get_by_text("Nothing is archived.")).to_be_visible()
    accessible(page)


def test_attribute_chooses_the_theme_and_variables_the_colours(page, host, ana):
    page.goto(host.page(ana.id, inline="", theme="dark"))
    panel = page.locator(".panel")
    ground = "(it) => getComputedStyle(it).backgroundColor"
    expect(panel).to_be_visible()
    assert panel.evaluate(ground) == "rgb(28, 32, 38)"
    page.locator("herald-inbox").evaluate("(it) => it.setAttribute('theme', 'light')")
    assert panel.evaluate(ground) == "rgb(255, 255, 255)"
    page.locator("herald-inbox").evaluate("(it) => it.style.setProperty('--herald-ground', 'rgb(1, 2, 3)')")
    assert panel.evaluate(ground) == "rgb(1, 2, 3)"


def test_narrow_screens_are_filled(context_of, host, ana, picture):
    page = context_of(viewport={"width": 360, "height": 640}, reduced_motion="reduce").new_page()
    ana.send("A title that is rather long for a screen as narrow as this one is", "x" * 400)
    page.goto(host.page(ana.id))
    page.locator("button.bell").click()
    expect(page.get_by_role("article")).to_have_count(1)
    box = page.get_by_role("dialog").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 360, 640)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator(".panel").evaluate("(it) => getComputedStyle(it).animationName") == "none"
    picture(page, "inbox-narrow")


def test_languages_times_and_own_texts(page, host, ana):
    ana.send("Hallo", "x")
    page.goto(host.page(ana.id, inline="", lang="de-AT"))
    expect(page.get_by_role("heading", name="Mitteilungen")).to_be_visible()
    expect(page.locator("time")).to_have_text("jetzt")
    page.locator("herald-inbox").evaluate("(it) => { it.texts = { inbox: 'Post' }; }")
    expect(page.get_by_role("heading", name="Post")).to_be_visible()
    page.locator("herald-inbox").evaluate("(it) => { it.texts = {}; it.lang = 'fr'; }")
    expect(page.get_by_role("tab", name="Non lues")).to_be_visible()
    expect(page.locator("time")).to_have_text("maintenant")
