"""The pages about the API."""

from playwright.sync_api import expect


def test_docs_are_shown_and_report_nothing(page, engine):
    page.goto(f"{engine.url}/docs")
    expect(page.get_by_role("heading", name="Herald")).to_be_visible()
    expect(page.get_by_text("/v1/notifications", exact=True).first).to_be_visible()
