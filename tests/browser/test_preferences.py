"""`<herald-preferences>`: what a person wants, by their own hand."""

import pytest
from playwright.sync_api import expect


@pytest.fixture(scope="module", autouse=True)
def categories(engine):
    for name, may_disable in (("orders", True), ("security", False)):
        engine.call("PUT", f"/v1/categories/{name}", {"may_disable": may_disable})


def email(page):
    return page.get_by_role("group", name="E-mail")


def test_switches_change_what_comes_and_required_ones_do_not(page, host, engine, ana):
    page.goto(host.page(ana.id, element="herald-preferences"))
    orders = email(page).get_by_role("switch", name="orders")
    expect(orders).to_be_checked()
    orders.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("status")).to_have_text("Your choice is saved.")
    expect(orders).not_to_be_checked()
    expect(orders).to_be_focused()
    said = engine.call("GET", f"/v1/users/{ana.id}/preferences")["preferences"]
    assert [(it["channel"], it["category"], it["enabled"]) for it in said] == [("email", "orders", False)]

    security = email(page).get_by_role("switch", name="security")
    expect(security).to_be_checked()
    expect(security).to_be_disabled()
    expect(email(page).get_by_text("always sent")).to_be_visible()

    email(page).get_by_role("switch", name="E-mail").click()
    expect(orders).to_be_disabled()
    page.reload()
    expect(email(page).get_by_role("switch", name="E-mail")).not_to_be_checked()
    page.get_by_role("switch", name="All messages").click()
    expect(page.get_by_text("Everything is switched off: nothing is sent to you.")).to_be_visible()


def test_quiet_hours_and_zone_are_kept_and_bad_hours_are_told(page, host, ana):
    page.goto(host.page(ana.id, element="herald-preferences"))
    quiet = page.get_by_role("group", name="All messages")
    expect(quiet.get_by_text("There are no quiet hours.")).to_be_visible()
    quiet.get_by_label("From").fill("22:00")
    quiet.get_by_label("Until").fill("07:00")
    quiet.get_by_label("Sat").uncheck()
    quiet.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Your choice is saved.")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    page.reload()
    expect(quiet.get_by_label("From")).to_have_value("22:00")
    expect(quiet.get_by_label("Until")).to_have_value("07:00")
    expect(quiet.get_by_label("Sat")).not_to_be_checked()
    expect(quiet.get_by_label("Sun")).to_be_checked()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    quiet.get_by_role("button", name="No quiet hours").click()
    expect(quiet.get_by_text("There are no quiet hours.")).to_be_visible()


def test_hours_without_an_end_are_refused_and_nothing_changes(page, host, ana, reports):
    reports.allow("status of 422")
    page.goto(host.page(ana.id, element="herald-preferences"))
    quiet = page.get_by_role("group", name="All messages")
    quiet.get_by_label("From").fill("00:00")
    quiet.get_by_label("Until").fill("00:00")
    quiet.get_by_role("button", name="Save").click()
    said = "Nothing was changed: give a start and an end that differ, or choose days."
    expect(page.get_by_role("status")).to_have_text(said)
    expect(quiet.get_by_label("From")).to_have_value("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_preferences_are_accessible(context_of, host, ana, accessible, picture, scheme):
    page = context_of(color_scheme=scheme, bypass_csp=True).new_page()
    page.goto(host.page(ana.id, element="herald-preferences"))
    expect(email(page)).to_be_visible()
    accessible(page)
    picture(page, f"preferences-{scheme}")
