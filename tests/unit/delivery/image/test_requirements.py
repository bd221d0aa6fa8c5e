"""The hashes of a requirements file, as pip reads it."""

import pytest
from support.messages import ROOT

from delivery.image import requirements

A, B = "a" * 64, "b" * 64


def test_each_pinned_package_has_its_hashes():
    text = f"""\
# a comment
anyio==4.16.0 \\
    --hash=sha256:{B} \\
    --hash=sha256:{A}
    # via starlette
Typing_Extensions==4.16 ; python_full_version < '3.15' \\
    --hash=sha256:{A}
extra[all]==1.0 --hash=sha256:{B}  # why
"""
    assert requirements.hashes(text) == {
        ("anyio", "4.16.0"): (A, B),
        ("typing-extensions", "4.16"): (A,),
        ("extra", "1.0"): (B,),
    }


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x==1",
        f"x>=1 --hash=sha256:{A}",
        f"x --hash=sha256:{A}",
        f"x==1 --hash=sha256:{A[1:]}",
        f"x==1 --hash=md5:{A[:32]}",
        f"--index-url https://pypi.test --hash=sha256:{A}",
        f"https://pypi.test/x.whl --hash=sha256:{A}",
        f"-e . --hash=sha256:{A}",
    ],
)
def test_a_line_that_pins_no_package_with_a_hash_has_none(line):
    assert requirements.hashes(line) == {}


def test_the_locks_of_this_project_have_a_hash_for_every_package():
    locks = list(ROOT.glob("src/**/requirements.txt"))
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert len(requirements.hashes(text)) == text.count("==")


def test_two_spellings_of_one_package_have_one_key():
    assert requirements.key("Foo.Bar", "1.0-post1") == requirements.key("foo_bar", "1.0.post1")
    assert requirements.key("x", "what") == ("x", "what")
