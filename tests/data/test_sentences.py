"""Sentence boundaries: hand-cut examples, and properties on arbitrary text."""

import random

import pytest

from ablate.data.sentences import split_sentences

# A list is a text's sentences, joined by one space: the splitter has to find the joints again.
JOINED = [
    ["It rained.", "We stayed in.", "Why?", "Because it rained!", "So there."],
    ["Mr. Smith met Dr. Jones and Mrs. Lynde at St. Paul's.", "They left at noon."],
    ["J. R. R. Tolkien wrote it with C. S. Lewis in mind.", "He was I.", "Then he slept."],
    ["Use a container, e.g. A list, i.e. Something ordered.", "It works."],
    ["See Fig. 3 and Eq. (2) on pp. 4 and vol. IX of it.", "He said no.", "Then he left."],
    ["It is 3.14 or 2.71 in version 1.0.2 here.", "Next."],
    ["He came from the U.S. Senate at 5 p.m. Tuesday.", "He left the U.S.", "The rest stayed."],
    ['"Come in."', '"Thank you!"', "He sat down.", '"Well," he said.'],
    ["(It was late.)", "She left [as usual.]", "\u201cYes.\u201d", "\u2018No.\u2019", "Fine."],
    ['"What is that?" he asked.', '"Stop!" cried she.', "Silence."],
    ["He waited... and waited.", "Then...", "Nothing\u2026", "The end."],
    ["Read https://example.org/a.b?c=d and www.example.com/x.y first.", "Good."],
    ["It calls os.path.join() and numpy.linalg.norm.", "`x` is a name.", "Done."],
    ["Smith et al. (2019) showed it, etc. and so on.", "Jones et al. 2020 did not."],
    ["They sold it to Acme Inc. last year and to Beta Ltd. in May.", "It grew."],
    ["It cost 5 dollars.", "12 men came.", "3 left."],
    ["Yes!!", "Really?!", "Oh..."],
]


@pytest.mark.parametrize("sentences", JOINED, ids=lambda s: s[0][:30])
@pytest.mark.parametrize("joint", [" ", "  ", "\n", "\n\n"])
def test_finds_the_joints_again(sentences, joint):
    assert cut(joint.join(sentences)) == sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("# A title. With a stop\nText here\nwraps. More.", ["# A title. With a stop", "Text here\nwraps.", "More."]),
        ("Text ends here\n## Next: part\nmore text", ["Text ends here", "## Next: part", "more text"]),
        ("A Title\n=======\nText here. And more.", ["A Title\n=======", "Text here.", "And more."]),
        ("Introduction\nThis is a long enough line of text below it. Yes.",
         ["Introduction", "This is a long enough line of text below it.", "Yes."]),
        ("CHAPTER I\n\nThe start of it all", ["CHAPTER I", "The start of it all"]),
        ("1. Introduction\n\n2. The middle. It goes on.", ["1. Introduction", "2. The middle.", "It goes on."]),
        ("no stop\n\nnext one\n \nthird\r\n\r\nfourth", ["no stop", "next one", "third", "fourth"]),
        ("See Mr.\n\nSmith", ["See Mr.", "Smith"]),
        ("See Mr.\n \nSmith", ["See Mr.", "Smith"]),
    ],
)  # fmt: skip
def test_headings_and_blank_lines(text, sentences):
    assert cut(text) == sentences


def test_list_items_stand_apart():
    text = "There are two:\n- the first one\n  that wraps\n- the second. It is longer.\n* third\n1. one\n2) two"
    assert cut(text) == [
        "There are two:", "- the first one\n  that wraps", "- the second.", "It is longer.",
        "* third", "1. one", "2) two",
    ]  # fmt: skip


def test_lines_of_code_stand_apart():
    text = "Do this first:\n>>> import os. Path\n>>> x = f(1)\nThen go on\nas before."
    assert cut(text) == ["Do this first:", ">>> import os. Path", ">>> x = f(1)", "Then go on\nas before."]
    text = "Define it\ndef f(x):\n    return g(x)\nprint(f(1). Real)\nIt prints."
    assert cut(text) == ["Define it", "def f(x):", "return g(x)", "print(f(1). Real)", "It prints."]


def test_fences_are_cut_by_line():
    text = "Like so:\n```python\nx = 1. Two\n\n    return it. Now\n```\nThat is it. Good."
    assert cut(text) == ["Like so:", "```python", "x = 1. Two", "return it. Now", "```", "That is it.", "Good."]
    assert cut("~~~\nnever closed. But\nended") == ["~~~", "never closed. But", "ended"]


def test_wrapped_prose_is_not_taken_for_code_or_titles():
    text = (
        "He had to\nreturn home with the goods for\nimport taxes had risen; as\nfor the following, he asked\n"
        "Mary if she could\nfor once be kind."
    )
    assert cut(text) == [text]


@pytest.mark.parametrize("text", ["", " ", "\n\n \t\n"])
def test_nothing_but_space(text):
    assert split_sentences(text) == []


def test_spans_cover_all_text_in_order():
    pieces = ["Mr. ", "Hi.", " ", "\n", "\n\n", "\r\n", "a", "B", "...", '"', ")", "# ", "- ", "1. ", "```", "x = 1",
              ">>> ", "====", "!", "?", "\u2026", "\u00e9", "\u3000", "\x0b", "I. ", "\u201d", "    ", "|"]  # fmt: skip
    rng = random.Random(0)
    for _ in range(3000):
        assert_covers("".join(rng.choices(pieces, k=rng.randrange(1, 30))))


def assert_covers(text):
    last = 0
    for start, end in split_sentences(text):
        assert last <= start < end <= len(text), text
        assert not text[last:start].strip(), text
        assert text[start:end] == text[start:end].strip(), text
        last = end
    assert not text[last:].strip(), text


def cut(text):
    return [text[start:end] for start, end in split_sentences(text)]
