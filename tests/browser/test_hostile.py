"""What publishers may write, shown as text whatever it is."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("inbox")

ATTACKS = [
    "<img src=x onerror=hacked()>",
    "<script>hacked()</script>",
    "\"><svg onload=hacked()>",
    "[x](javascript:hacked())",
    "[x](java\tscript:hacked())",
    "[x](data:text/html,<script>hacked()</script>)",
    "`<iframe srcdoc='<script>parent.hacked()</script>'>`",
    "**<b onmouseover=hacked()>bold</b>**",
    "{{constructor.constructor('hacked()')()}}",
]
ADDRESSES = [
    "javascript:hacked()",
    "JaVaScRiPt:hacked()",
    "data:text/html,x",
    "vbscript:x",
    "//evil.example",
    "/\\evil.example",
]


def test_texts_of_others_are_never_code(page, host, ana):
    page.add_init_script("window.hacked = () => { window.wasHacked = true; }")
    everything = "\n\n".join(ATTACKS)
    ana.send(ATTACKS[0], everything, tags=["<img src=x onerror=hacked()>"], actions=[{"id": "a", "label": ATTACKS[0]}])
    page.goto(host.page(ana.id))
    page.locator("button.bell").click()
    article = page.get_by_role("article")
    expect(article).to_have_count(1)
    article.get_by_role("button", name="Show all").click()
    for text in (ATTACKS[0], "<script>hacked()</script>", "[x](javascript:hacked())"):
        expect(article.locator(".body")).to_contain_text(text)
    expect(article.locator(".heading")).to_have_text(ATTACKS[0])
    expect(article.locator(".tags li")).to_have_text(ATTACKS[0])
    expect(article.locator("img, script, svg:not([part=icon]), iframe, b")).to_have_count(0)
    links = article.locator("a").evaluate_all("(all) => all.map((it) => it.href)")
    assert [it for it in links if not it.startswith("http")] == []
    article.locator(".actions button").click()
    assert page.evaluate("window.wasHacked") is None


def test_addresses_that_are_none_lead_nowhere(page, host, ana, shows):
    page.add_init_script("window.hacked = () => { window.wasHacked = true; }")
    page.goto(host.page(ana.id, inline=""))
    for address in ADDRESSES:
        shows(page, {"title": address, "url": address, "actions": [{"id": "go", "label": "Go", "url": address}]})
        article = page.get_by_role("article").filter(has_text=address).first
        expect(article.locator("a")).to_have_count(0)
        article.get_by_role("button", name=address).click()
        article.get_by_role("button", name="Go").click()
    assert page.evaluate("window.wasHacked") is None
    assert page.url == host.page(ana.id, inline="")


def test_markdown_is_the_small_part_and_text_is_text(page, host, ana):
    marks = "A **bold**, *italic*, `code` and [a link](https://example.com/x)."
    body = f"{marks}\n\n- one\n- two\n\n1. first\n\nhttps://example.com/bare. 2 * 3 * 4"
    ana.send("Marks", body)
    page.goto(host.page(ana.id, inline=""))
    shown = page.locator("article .body")
    expect(shown.locator("strong")).to_have_text("bold")
    expect(shown.locator("em")).to_have_text("italic")
    expect(shown.locator("code")).to_have_text("code")
    expect(shown.locator("ul li")).to_have_text(["one", "two"])
    expect(shown.locator("ol li")).to_have_text(["first"])
    links = shown.locator("a")
    expect(links).to_have_text(["a link", "https://example.com/bare"])
    expect(links.first).to_have_attribute("rel", "noopener noreferrer")
    expect(shown.locator("p").last).to_have_text("https://example.com/bare. 2 * 3 * 4")
    page.locator("herald-inbox").evaluate("(it) => it.setAttribute('format', 'text')")
    expect(shown.locator("strong, a, ul")).to_have_count(0)
    expect(shown).to_contain_text("A **bold**, *italic*")
