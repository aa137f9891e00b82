"""Whatever users name things, it comes out as text: on the page, in Markdown, in the gallery, in a browser."""

import json

import pytest
from markdown_it import MarkdownIt
from synthetic_runs import write_run

from ablate import api
from ablate.report.gallery import write_gallery
from ablate.runs.record import write_failure
from ablate.studies.registration import register
from ablate.studies.study import read_study

SCRIPT = "<script>window.pwned=1</script>"
IMAGE = '"><img src=x onerror=window.pwned=1>'
TEX = r"\input{/etc/passwd} $x_1$ %&#^~{} \\"
MARKS = "| a | [link](javascript:window.pwned=1) ![](http://example.com/x.png) `code` *b* _i_ <!-- c --> &amp; &copy;"
PATH = "../../etc/passwd"
EMOJI = "🦜🏴‍☠️ naïve Ω 中文 \u202eright"
JINJA = "{{ 7 * 7 }}{% raw %}"
LONG = "x" * 300
ALL = (SCRIPT, IMAGE, TEX, MARKS, PATH, EMOJI, JINJA, LONG)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The report of a study whose every text is hostile."""
    folder = tmp_path_factory.mktemp("runs") / "x"
    claims = [
        {"id": f"{text}{number}", "says": text, "source": f"source {text}", "kind": "superiority",
         "contrast": "other - bert", "metric": f"my/{text}"[:80], "higher_is_better": True, "factors": ["masking"]}
        for number, text in enumerate(ALL)
    ]  # fmt: skip
    study = read_study(
        {"name": f"n {SCRIPT}", "question": f"Why {IMAGE} {TEX}?", "baseline": "bert", "arms": ["bert", "other"],
         "seeds": 3, "claims": claims}
    )  # fmt: skip
    register(folder, study, asked={})
    for arm, level in (("bert", 0.5), ("other", 0.6)):
        for seed in range(3):
            metrics = {claim["metric"]: level + seed * 0.01 + (arm == "other") * seed**2 * 0.003 for claim in claims}
            changes = {"masking.copies": None, "masking.note": "".join(ALL[:6])} if arm == "other" else {}
            directory = write_run(folder, arm, seed, metrics, changes={"masking.note": JINJA} | changes)
            tell(directory, SCRIPT)
    failed = folder / "<i>evil" / "seed-0"
    failed.mkdir(parents=True)
    write_failure(failed, run_id="", error=f"no {SCRIPT} {MARKS}", traceback="")
    return api.report(folder, out=tmp_path_factory.mktemp("reports") / "<b>&'x").parent


def tell(directory, text):
    """Hostile hardware and packages in provenance.json."""
    path = directory / "provenance.json"
    plain = json.loads(path.read_text())
    plain["sessions"][0] |= {"git_sha": text, "git_dirty": True, "python": text, "packages": {text: text}}
    plain["sessions"][0]["hardware"]["processor"] = text
    path.write_text(json.dumps(plain))


def test_the_page_shows_hostile_text_as_text(hostile, visit):
    seen = visit(hostile / "index.html", width=390)
    assert seen.messages == []
    assert seen.asked_for() == []
    assert seen.page.evaluate("window.pwned") is None
    assert seen.page.locator("script, img, iframe, main b, main i").count() == 0
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    cards = seen.page.locator(".card h3")
    shown = [cards.nth(i).evaluate("e => e.textContent") for i in range(cards.count())]
    assert shown == list(ALL)
    body = seen.page.evaluate("document.body.textContent")
    assert f"no {SCRIPT} {MARKS}" in body
    assert "<i>evil" in body
    assert seen.serious() == []


def test_the_gallery_shows_hostile_text_and_still_leads_to_the_cards(hostile, visit):
    page = visit(write_gallery(hostile.parent)[0]).page
    assert page.evaluate("window.pwned") is None
    assert page.locator("script, img, main b, main i").count() == 0
    page.locator("td a").nth(1).click()
    assert page.locator(".card:target h3").evaluate("e => e.textContent") == IMAGE


@pytest.mark.parametrize("name", ["report.md", "../index.md"])
def test_markdown_shows_hostile_text_as_text(hostile, name):
    write_gallery(hostile.parent)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse((hostile / name).read_text())
    inline = [child for token in tokens for child in token.children or []]
    assert not [token for token in tokens + inline if token.type in ("html_block", "html_inline")]
    links = [t.attrs.get("src") or t.attrs.get("href") for t in inline if t.type in ("image", "link_open")]
    assert all(str(link).startswith(("figures/", "%3Cb%3E")) for link in links)
    said = "\n".join(text_of(token) for token in tokens if token.type == "inline")
    for text in ALL:
        assert " ".join(text.split()) in said


def text_of(token):
    return "".join(child.content for child in token.children or [] if child.type in ("text", "text_special"))
