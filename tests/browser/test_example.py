"""examples/inbox, as its README says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("inbox")

SERVER = Path(__file__).parents[2] / "examples/inbox/server.py"


@pytest.fixture
def example(engine, ana, example_port):
    made = {"name": "example", "scopes": ["users:write", "notifications:write"]}
    key = engine.call("POST", "/v1/api-keys", made)["key"]
    environment = os.environ | {"HERALD_URL": engine.url, "HERALD_KEY": key, "HERALD_PERSON": ana.id}
    command = [sys.executable, "-u", SERVER, str(example_port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    yield server.stdout.readline().strip()
    server.terminate()
    server.wait()


def test_a_stranger_sends_themselves_a_notification_and_chooses_what_they_get(page, example, picture):
    page.goto(example)
    page.get_by_role("button", name="Send it to yourself").click()
    expect(page.locator("output")).to_have_text("Sent.")
    bell = page.locator("herald-inbox button.bell")
    expect(bell).to_have_accessible_name("Notifications, 1 new")
    expect(page).to_have_title("(1) A product")
    bell.click()
    article = page.get_by_role("article")
    expect(article.locator("strong")).to_have_text("Order A-17")
    article.get_by_role("button", name="I have it").click()
    expect(article.get_by_role("button", name="I have it (done)")).to_be_visible()
    picture(page, "example")
    page.keyboard.press("Escape")
    quiet = page.get_by_role("group", name="All messages")
    quiet.get_by_label("From").fill("21:00")
    quiet.get_by_label("Until").fill("08:00")
    quiet.get_by_role("button", name="Save").click()
    expect(page.locator("herald-preferences").get_by_role("status")).to_have_text("Your choice is saved.")
