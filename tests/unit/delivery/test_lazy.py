"""A room imports its modules at their first use."""

import sys

import pytest

from delivery import lazy


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A package on the path, with one module."""
    folder = tmp_path / "unit_room"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from delivery import lazy\n__getattr__ = lazy.modules(__name__, ['first', 'broken'])\n"
    )
    (folder / "first.py").write_text("VALUE = 1\n")
    (folder / "broken.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("unit_room")
    for name in [name for name in sys.modules if name.startswith("unit_room")]:
        del sys.modules[name]


def test_a_module_is_imported_when_it_is_first_used(room):
    assert "unit_room.first" not in sys.modules
    assert room.first.VALUE == 1
    assert sys.modules["unit_room.first"] is room.first


def test_a_name_that_is_no_module_of_the_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'room' has no attribute '__wrapped__'"):
        lazy.modules("room", ["first"])("__wrapped__")


def test_a_module_that_cannot_be_imported_says_why(room):
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        _ = room.broken
