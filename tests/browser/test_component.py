"""`<herald-inbox>` by itself."""

from playwright.sync_api import expect


def test_component_stands_in_a_page_of_another_origin_with_a_strict_policy(page, engine, host):
    page.goto(host.url)
    bell = page.get_by_role("button", name="Notifications")
    expect(bell).to_have_attribute("aria-expanded", "false")
    bell.click()
    panel = page.get_by_role("dialog", name="Notifications")
    expect(panel).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(bell).to_be_focused()
