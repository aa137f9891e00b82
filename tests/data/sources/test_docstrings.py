"""Documentation strings out of source code."""

import json
import sys

import pytest

from ablate.data.sources.docstrings import docstrings, package_modules, read_prose, standard_library_modules

SOURCE = '''
"""Module."""
import missing_module_that_is_never_imported
raise SystemExit
NAME = 1
"""Attribute."""
class A:
    """Class."""
    def f(self):
        """Method."""
        x = """not documentation"""
        return lambda: """nor this"""
    if True:
        async def g(self): """Coroutine."""
add_newdoc("f", "g", """Added
later.""")
add_something("""not
added""")
A.f.__doc__ = """Set
later."""
'''


def test_finds_documentation_in_order_without_importing():
    expected = ["Module.", "Attribute.", "Class.", "Method.", "Coroutine.", "Added\nlater.", "Set\nlater."]
    assert docstrings(SOURCE.encode()) == expected


@pytest.mark.parametrize("source", [b'"""ok"""\ndef (', b'"""\x00"""', b'"""\xff\xfe"""', b"", b"'''open"])
def test_source_that_does_not_parse_has_none(source):
    assert docstrings(source) == []


def test_modules_are_sorted_unique_and_without_tests():
    for modules in (list(standard_library_modules()), list(package_modules("numpy"))):
        names = [name for name, _ in modules]
        assert names == sorted(set(names))
        assert not any("tests" in name.split(".") or "site-packages" in name for name in names)
        assert all(path.is_file() for _, path in modules)
    assert "numpy.linalg" in names
    assert "numpy" in names
    assert list(package_modules("no-such-distribution")) == []


def test_reading_in_processes_keeps_the_order(tmp_path):
    files = []
    for index in range(7):
        files.append(tmp_path / f"{index}.py")
        files[-1].write_text(
            f'"""This is the {json.dumps(index)}th of the modules.\n\nIt is the r\u00e9sum\u00e9 of it."""', "utf-8"
        )
    files.append(tmp_path / "missing.py")
    before = set(sys.modules)
    expected = [
        [[f"This is the {index}th of the modules."], ["It is the r\u00e9sum\u00e9 of it."]] for index in range(7)
    ] + [[]]
    assert read_prose(files, workers=3) == expected
    assert set(sys.modules) == before
