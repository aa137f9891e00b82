"""A study's folder without training, its report, and a real browser to look at it."""

import os
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from synthetic_study import fix_registration, write_nsp

from ablate import api

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync".split()


@pytest.fixture(scope="session")
def nsp(tmp_path_factory):
    """The folder of a study of seven arms and five seeds; registered at a time that is always the same."""
    folder = tmp_path_factory.mktemp("multirun") / "nsp"
    write_nsp(folder)
    fix_registration(folder)
    return folder


@pytest.fixture(scope="session")
def report(nsp, tmp_path_factory):
    """The folder of its report."""
    return api.report(nsp, out=tmp_path_factory.mktemp("reports") / "nsp").parent


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium."""
    found = os.environ.get("CHROMIUM") or next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("no Chromium: apt-get install chromium (or name one in CHROMIUM)", pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield started
        started.close()


class Visit:
    """A page opened from a file, with everything that went wrong and everything it asked for."""

    def __init__(self, page, path):
        self.page, self.path = page, path
        self.messages, self.requests = [], []
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())

    def asked_for(self):
        """Requests besides the page itself, and besides data inside it."""
        return [url for url in self.requests if url != self.path.as_uri() and not url.startswith("data:")]

    def serious(self):
        """axe-core's findings that matter, with the first element of each."""
        found = Axe().run(self.page).response["violations"]
        return [
            (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary"))
            for one in found if one["impact"] in ("serious", "critical")
        ]  # fmt: skip


@pytest.fixture
def visit(browser):
    """`visit(path, width=390, scheme="dark")` -> a Visit."""
    opened = []

    def open_page(path, *, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        opened.append(context)
        return Visit(context.new_page(), path)

    yield open_page
    for context in opened:
        context.close()
