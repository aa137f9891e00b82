"""The English in a documentation string: paragraphs without code, tables, signatures and markup."""

import inspect
import re
from collections.abc import Iterator

from ablate.data.sentences import split_sentences

_UNDERLINE = re.compile(r"([-=~^*#\"'+`_.])\1{2,}\s*$")
_TABLE = re.compile(r"(?:\||\+[-=+]{3,}|={2,}\s+=|-{2,}\s+-|[^|]*\s\|\s[^|]*\|)|\S+(?: \S+)*\s{3,}\S+(?: \S+)*\s{3,}\S")
_BULLET = re.compile(r"(?:[-*+\u2022]|\(?(?:\d{1,2}|[a-z]|#)[.)])\s+")
_DIRECTIVE = re.compile(r"\.\. ?(?:\|[^|]*\| )?([\w:.-]+?)::(?:\s+(.*))?$")
_FIELD = re.compile(r":(param|parameter|arg|argument|return|returns|raises?|except|yields?|ivar|cvar|var|keyword|kwarg)"
                    r"\b[^:]*:\s*(.*)")  # fmt: skip
_OTHER_FIELD = re.compile(r":[a-z_]+(?: [^:`]*)?:(?:\s|$)|@\w+|\[\[|\{\{|</?\w[^>]*>\s*$|#")
_TYPED = re.compile(
    r"[`*]{0,3}[\w.\[\]`*, /|{}'\"-]{1,60}?[`*]{0,3}\s?\((?:[^()]|\([^()]*\))*\)\s*(?::|--?|\u2013)(?:\s+|$)"
)
_NAMED = re.compile(r"[`*]{0,3}[\w.*-]+(?:, [`*]{0,3}[\w.*-]+)*[`*]{0,3}\s*(?::|--|\u2013)(?:\s+|$)")
_NUMPY_ITEM = re.compile(r"\*{0,2}[\w.\[\]]+(?:, \*{0,2}\w+)* ?:(?: |$)")
_LABEL = re.compile(r"[A-Z][\w ]{2,30}:$")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split("|" if "|" in words else None))


_KEPT_DIRECTIVES = _set("note warning tip important caution attention hint danger admonition topic")
_DROPPED_SECTIONS = _set(
    "see also|references|reference|methods|examples using|citation|citations|authors|author|copyright|license"
)
_ITEM_SECTIONS = _set(
    "parameters|other parameters|returns|return|yields|raises|warns|attributes|receives|arguments|args|keyword args|"
    "keyword arguments|inputs|outputs|options|params|kwargs|shape|parameter|raise|properties|fields"
)

_MARKUP = [
    (re.compile(r":(?:math|eq|cite|ref|doc|footcite)[\w:]*:`[^`<]*?(\w[^`<]*?)?(?:\s*<[^>]*>)?`"), r"\1"),
    (re.compile(r":[a-zA-Z][\w:+-]*:`[~!]?(?:[^`<]*?\.)?([^`<.]+?)(?:\s*<[^>]*>)?`"), r"\1"),
    (re.compile(r"`([^`<]+?)\s*<[^>`]*>`_{0,2}"), r"\1"),
    (re.compile(r"!?\[([^\]]*)\]\((?:https?:|/|\.|#)[^)]*\)"), r"\1"),
    (re.compile(r"\s?\[(?:\d{1,3}|[A-Z]\w+|#\w*)\]_?(?:,\s*\[\d+\]_)*"), ""),
    (re.compile(r"\[`?~?([\w.]+)`?\]"), r"\1"),
    (re.compile(r"`+~?([^`]*)`+_{0,2}"), r"\1"),
    (re.compile(r"\*\*(\S(?:[^*]*\S)?)\*\*"), r"\1"),
    (re.compile(r"(?<![\w*])\*(\S(?:[^*]*\S)?)\*(?![\w*])"), r"\1"),
    (re.compile(r"\s+"), " "),
]
_WORD = re.compile(r"[(\[\"']*[A-Za-z][a-z]*(?:['\u2019-][A-Za-z]+)*(?:\([a-z]+\)[a-z]*)?[\"')\],.;:!?]*")
_STOP_WORDS = _set(
    "the a an of to is are be in and or for with that this it its if by as on from at when which not can will was were "
    "has have any all must should may than but then into you your we how only whether each their there these such do "
    "does used using one no other where who what"
)
# A sentence may begin in lower case with the name of what it is about: "funcs is a list".
_AFTER_A_NAME = _set("is are was can could should must will may has have does takes returns holds contains")
_NOT_PROSE = re.compile(
    r"[\\$\x00]|\|.*\||\^.*\^|>>>|https?://|www\.|@\w|\.\. |,\s*,|\s[,;.]\s|\(\s*\)\s*\(|\[\s*\]|^\S+:$"
    r"|[{}].*[{}].*[{}].*[{}]"
)
_SYMBOL = re.compile(r"[|^~=<>*+/@#&%{}]|\s-\s")
_ENDS = re.compile(r"[.!?][\"')\]]*$")


def prose(docstring: str) -> Iterator[list[str]]:
    """The paragraphs of a documentation string, each as its sentences.

    reStructuredText (numpydoc, Sphinx fields, directives), Google style and Markdown. Dropped: doctests, fences and
    blocks after `::`, tables, headings, parameter names and types, references, and sentences that are not mostly words.
    """
    if "." not in docstring and len(docstring) < 20:
        return
    for lines in _paragraphs(inspect.cleandoc(docstring).split("\n")):
        text = " ".join(lines)
        for pattern, replacement in _MARKUP:
            text = pattern.sub(replacement, text)
        text = text.strip()
        sentences = [text[start:end] for start, end in split_sentences(text)]
        if kept := [sentence for sentence in sentences if is_prose(sentence)]:
            yield kept


def is_prose(sentence: str) -> bool:
    """Whether a sentence is English: mostly plain words, function words among them, a beginning and an end."""
    words = sentence.split()
    ends = bool(_ENDS.search(sentence)) or (len(words) > 4 and (sentence[-1].isalpha() or sentence[-1] in ":)\"'"))
    if not ends or not 3 <= len(words) <= 120 or _NOT_PROSE.search(sentence):
        return False
    named = words[1] in _AFTER_A_NAME and words[0] not in _STOP_WORDS
    if not (sentence[0].isupper() or sentence[0] in "\"'(" or named):
        return False
    plain = sum(1 for word in words if _WORD.fullmatch(word))
    common = sum(1 for word in words if word.lower() in _STOP_WORDS)
    symbols = len(_SYMBOL.findall(sentence))
    return plain >= 0.67 * len(words) and symbols <= 0.03 * len(sentence) and common >= 0.12 * (len(words) - 5)


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    """Groups of lines that belong together, stripped."""
    group: list[str] = []
    for line in _Reader(lines).lines():
        starts_new = line.startswith("\0")
        if group and (not line or starts_new):
            yield group
            group = []
        if line := line.lstrip("\0"):
            group.append(line)
    if group:
        yield group


class _Reader:
    """Walks the lines of one documentation string; what is not prose becomes a blank line."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._position = 0
        self._section = ""
        self._ended = False  # whether the line before ends a sentence

    def lines(self) -> Iterator[str]:
        """Stripped lines of prose; a blank line or a leading NUL ends a paragraph."""
        previous_indent = -1
        while self._position < len(self._lines):
            line = self._lines[self._position]
            stripped = line.strip()
            self._position += 1
            indent = len(line) - len(line.lstrip())
            yield from self._read(stripped, indent, previous_indent)
            previous_indent = indent if stripped else -1
            self._ended = bool(_ENDS.search(stripped)) or stripped.endswith(":")

    def _read(self, line: str, indent: int, previous_indent: int) -> Iterator[str]:
        following = self._peek()
        if not line or _UNDERLINE.match(line):
            yield ""
        elif line.startswith(("```", "~~~")):
            self._skip_fence(line[:3])
            yield ""
        elif line.startswith((">>>", "In [", "$ ", "%")):
            self._skip_to_blank()
            yield ""
        elif _UNDERLINE.match(following.strip()) and len(following.strip()) <= len(line) + 4:
            yield from self._heading(line)
        elif line.startswith(".."):
            yield from self._directive(line, indent)
        elif _TABLE.match(line) or _DROPPED.match(line) or self._section in _DROPPED_SECTIONS:
            yield ""
        elif line.endswith("::") or (indent == 0 and line.lower() in ("example:", "examples:", "usage:")):
            self._skip_block(indent)
            yield from (line[:-1], "") if line.endswith("::") else ("",)
        else:
            yield self._text(line, indent, previous_indent, following)

    def _text(self, line: str, indent: int, previous_indent: int, following: str) -> str:
        deeper = bool(following.strip()) and len(following) - len(following.lstrip()) > indent
        label = line.rstrip(":").lower()
        if line.endswith(":") and (label in _ITEM_SECTIONS or label in _DROPPED_SECTIONS) and previous_indent <= 0:
            self._section = label if label in _ITEM_SECTIONS else self._section
            return ""
        if field := _FIELD.match(line):
            return "\0" + _capital(field[2])
        if _OTHER_FIELD.match(line) or _LABEL.match(line):
            return ""
        bullet = _BULLET.match(line)
        line = line[bullet.end() :] if bullet else line
        if typed := _TYPED.match(line):
            return "\0" + _capital(line[typed.end() :])
        if self._section in _ITEM_SECTIONS or bullet:
            if deeper and indent == 0 and not bullet and len(line.split()) < 12:
                return ""  # numpydoc: `name : type` above its description
            if _NUMPY_ITEM.match(line) and not bullet and not _ENDS.search(line):
                return ""
            if named := _NAMED.match(line):
                return "\0" + _capital(line[named.end() :])
        if deeper and previous_indent != indent and not _ENDS.search(line) and len(line.split()) < 6:
            return ""  # the term of a definition list
        dedented = indent < previous_indent and self._ended
        return "\0" + line if bullet or dedented else line

    def _heading(self, line: str) -> Iterator[str]:
        self._position += 1
        self._section = line.lower().rstrip(":")
        yield ""

    def _directive(self, line: str, indent: int) -> Iterator[str]:
        directive = _DIRECTIVE.match(line)
        if directive and directive[1].lower() in _KEPT_DIRECTIVES:
            yield "\0" + (directive[2] or "")
            return
        self._skip_block(indent)
        yield ""

    def _peek(self) -> str:
        return self._lines[self._position] if self._position < len(self._lines) else ""

    def _skip_fence(self, fence: str) -> None:
        while self._position < len(self._lines) and not self._peek().strip().startswith(fence):
            self._position += 1
        self._position += 1

    def _skip_to_blank(self) -> None:
        while self._peek().strip():
            self._position += 1

    def _skip_block(self, indent: int) -> None:
        """Skip blank lines and lines indented deeper."""
        while self._position < len(self._lines):
            line = self._peek()
            if line.strip() and len(line) - len(line.lstrip()) <= indent:
                return
            self._position += 1


_DROPPED = re.compile(
    r"(?:Copyright|Licensed under|Authors?:|Version:|[\w.]+\([^)]*\)\s*(?:->.*)?$|[{}\[\]()]|\x22{3})"
)


def _capital(text: str) -> str:
    """A description begins like a sentence: its first word in upper case if it is a plain word."""
    first = text.split(" ", 1)[0]
    return text[0].upper() + text[1:] if first.isalpha() and first.islower() else text
