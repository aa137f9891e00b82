"""Sentence boundaries by rule: where a text may be cut into sentences, as character spans."""

import re

_CLOSERS = r"[)\]}\"'\u201d\u2019\u00bb*_]"
_OPENERS = r"[(\[{\"'\u201c\u2018\u00ab*_]"
_LOWER = r"a-z\u00df-\u00f6\u00f8-\u00ff"
_ITEM = r"(?:[-*+\u2022]|\d{1,2}[.)])[ \t]+\S"
_CODE = (
    r"(?:>>> |\.\.\. |\$ |\||(?:async )?def \w+\(|class \w+[(:]|import [\w.]+(?: as \w+)?[ \t]*(?:\n|\Z)"
    r"|from [\w.]+ import |return [\w.]+[(\[][^\n]*[)\]][ \t]*(?:\n|\Z)|@\w|[{}]"
    r"|[A-Za-z_][\w.]*(?:\[[^\]\n]*\])? ?[-+*/%|&]?= ?\S"
    r"|(?:try|else|finally):[ \t]*(?:\n|\Z)|for [\w, ]+ in [^\n]*:[ \t]*(?:\n|\Z)"
    r"|(?:if|while|elif|with|except)\b[^\n]*[()=\[][^\n]*:[ \t]*(?:\n|\Z)"
    r"|[A-Za-z_][\w.]*\([^\n]*\)[;:]?[ \t]*(?:\n|\Z))"
)
_RULER = r"[ \t]*+([-=~^*#_+])\1{2,}[ \t]*(?=\n|\Z)"

# Everything starts with one character out of a set, which is what makes the search fast.
_CANDIDATE = re.compile(
    r"[.!?\u2026\n](?:"
    rf"(?<!\n)[.!?\u2026]*+(?P<closed>{_CLOSERS}*+)\s++(?!{_OPENERS}*+[{_LOWER}.,;:!?)\]\u2014\u2013-])"
    rf"|(?<=\n)(?:[^\S\n]*+\n\s*+|(?=[ \t]*+(?:{_ITEM}|\#{{1,6}}[ \t]|```|~~~|{_CODE})))"
    r")"
)
# A line that is one sentence whatever it contains: a Markdown heading or a line of code.
_LINE = re.compile(rf"(?:\#{{1,6}}[ \t]|{_CODE})")
_FENCE = re.compile(r"(`{3,}|~{3,})[^\n]*")
_UNDERLINED = re.compile(rf"[^\n]+\n{_RULER}")
_SHORT_LINE = re.compile(
    r"(?P<line>[A-Z0-9][^\n]{0,59}?[^\s.,;:!?-])[ \t]*\n(?P<next>[ \t]*+[\"'\u201c(]?[A-Z0-9][^\n]*)"
)
_WORD = re.compile(r"[A-Za-z]+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Never the last word of a sentence.
_NEVER = _set(
    "mr mrs ms messrs mme mlle dr prof st mt gen col maj capt cpt lt sgt cmdr adm gov sen rep pres rev hon supt "
    "e.g eg i.e ie cf vs viz resp approx ca c.f esp incl ibid op loc"
)
# Not the last word before a number, a bracket or a Roman numeral ("No. 5", "no. Then" ends one).
_NUMBERED = _set(
    "no nos vol vols p pp ch chap sec sect art fig figs eq eqs eqn tab ver par para pt app ex ref refs al "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
# The last word only where a usual beginning of a sentence follows.
_PERHAPS = _set("inc ltd co corp bros jr sr esq ph.d m.d b.a m.a d.c a.m p.m a.d b.c u.s u.k u.s.a u.n")
_STARTERS = _set(
    "The This That These Those It Its He She They We You I His Her Their Our My There Here If In On At As By For From "
    "To With When While Where Whether What Who Why How Which But And Or So Yet Not No Yes Then Thus Hence Also However "
    "Note See Use Each Every All Some Any Both Most Many Such Once After Before Since Until Because Although Though "
    "Now One Only Other Otherwise Therefore Moreover Furthermore Instead"
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Character spans of the sentences, in order, without surrounding space; all text but space is in one of them.

    The rule, in the spirit of Kiss and Strunk's Punkt (2006) with fixed lists instead of learnt ones:

    - A sentence ends at `.`, `!`, `?` or an ellipsis, with the quotes and brackets that follow it, before space and
      something that does not start in lower case. Stops without space after them (3.14, URLs, a.b()) never count.
    - Not after a title or `e.g.`; not after `No.`, `Fig.`, `p.` before a number; after initials, `U.S.`, `a.m.`, `Inc.`
      only before a word that often begins sentences; not after the number of a list item or heading (`1. First`).
    - A blank line always ends one; a single newline does not (hard-wrapped text), except around Markdown headings,
      underlined headings, short title lines above longer text, list items, and lines of code: each stands alone.
    - Between code fences every line is one.

    Known limit: `"Who?" Tom asked.` counts as two.
    """
    spans: list[tuple[int, int]] = []
    size = len(text)
    start = _skip_space(text, 0)
    fresh = True  # at the start of a line, where a heading or code may stand
    while start < size:
        if fresh and (fence := _FENCE.match(text, start)):
            start = _split_fence(text, start, fence, spans)
            continue
        end, following = _line_end(text, start) if fresh else (0, 0)
        if not end:
            end, following = _sentence_end(text, start)
        spans.append((start, end))
        fresh = "\n" in text[end:following]
        start = following
    return spans


def _skip_space(text: str, position: int) -> int:
    size = len(text)
    while position < size and text[position].isspace():
        position += 1
    return position


def _split_fence(text: str, start: int, fence: re.Match[str], spans: list[tuple[int, int]]) -> int:
    """Append every line of a fenced block to `spans`; where the text after it starts."""
    close = re.compile(rf"\n[ \t]*{re.escape(fence[1])}[^\S\n]*(?=\n|\Z)").search(text, fence.end())
    end = close.end() if close else len(text)
    for line in re.finditer(r"[^\n]*\S", text[start:end]):
        skipped = _skip_space(line[0], 0)
        spans.append((start + line.start() + skipped, start + line.end()))
    return _skip_space(text, end)


def _line_end(text: str, start: int) -> tuple[int, int]:
    """End of the heading or line of code at `start` and the start of what follows; (0, 0) where there is none."""
    stop = text.find("\n", start)
    if stop < 0:
        stop = len(text)
    end = 0
    if _LINE.match(text, start):
        end = stop
    elif stop < len(text) and text[stop + 1 : stop + 2] not in ("\n", "\r", ""):
        if underlined := _UNDERLINED.match(text, start):
            end = underlined.end()
        elif (short := _SHORT_LINE.match(text, start)) and _is_title(short["line"], short["next"]):
            end = short.end("line")
    if not end:
        return 0, 0
    return start + len(text[start:end].rstrip()), _skip_space(text, end)


def _is_title(line: str, following: str) -> bool:
    """Whether a short line is a title: in wrapped text a line this much shorter than the next would be fuller."""
    return len(line.split()) <= 8 and len(line) * 2 <= len(following.rstrip())


def _sentence_end(text: str, start: int) -> tuple[int, int]:
    """End of the sentence at `start`, and the start of the next."""
    position = start
    while match := _CANDIDATE.search(text, position):
        stop, following = match.span()
        if text[stop] == "\n":
            return _before_space(text, start, stop), _skip_space(text, following)
        end = match.end("closed")
        if end > stop + 1 or text[stop] != "." or text.count("\n", end, following) > 1:
            return end, following
        if _ends(text, start, stop, following):
            return end, following
        position = end
    return _before_space(text, start, len(text)), len(text)


def _before_space(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end


def _ends(text: str, start: int, stop: int, following: int) -> bool:
    """Whether the lone full stop at `stop` ends the sentence that began at `start`; `following` is the next word."""
    words = text[max(start, stop - 16) : stop].split()
    word = words[-1].lstrip("([{\"'\u201c\u2018*_-") if words else ""
    if stop - start <= 5 and _is_enumerator(text[start:stop]):
        return False
    lower = word.lower()
    if lower in _NEVER:
        return False
    after = text[following : following + 1]
    if lower in _NUMBERED:
        return not (after.isdigit() or after in "([#" or _is_roman(text, following))
    if lower in _PERHAPS or _is_initials(word):
        next_word = _WORD.match(text, following)
        return after in "\"'\u201c" or (next_word is not None and next_word[0] in _STARTERS)
    return True


def _is_enumerator(text: str) -> bool:
    """`12`, `iv` or `b` at the start of an item or heading."""
    return text.isdigit() or (len(text) == 1 and text.isalpha() and text != "I") or set(text.lower()) <= set("ivx")


def _is_initials(word: str) -> bool:
    """`J`, `J.R` or `U.S`, without the last stop; the pronoun is no initial."""
    return word != "I" and all(len(part) == 1 and part.isupper() for part in word.split("."))


def _is_roman(text: str, position: int) -> bool:
    word = _WORD.match(text, position)
    return word is not None and word[0] != "I" and set(word[0]) <= set("IVXLC")
