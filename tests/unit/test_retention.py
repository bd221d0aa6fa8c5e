"""Retention: over random histories, what expires and what never does, by the rules of ECR's user guide."""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

FILE = Path(__file__).parents[2] / "infrastructure/modules/image_repository/retention.json.tftpl"
KEPT = 3


@dataclass(frozen=True)
class Pushed:
    """An image in the repository: its tags, and how many days ago it was pushed."""

    number: int
    tags: frozenset[str]
    days: int


def rules():
    text = FILE.read_text().replace("${never_reached}", "100000").replace("${keep_images}", str(KEPT))
    return sorted(json.loads(text)["rules"], key=lambda rule: rule["rulePriority"])


def matches(selection, image):
    """User guide, "Lifecycle policy properties": all patterns of a list have to be among the image's tags."""
    if selection["tagStatus"] == "untagged":
        return not image.tags
    if selection["tagStatus"] == "any":
        return True
    return all(any(fnmatchcase(tag, pattern) for tag in image.tags) for pattern in selection["tagPatternList"])


def expired(images):
    """User guide, "Lifecycle policy evaluation rules": what one rule's tagging matches, no later one expires."""
    gone, claimed = set(), set()
    for rule in rules():
        selection = rule["selection"]
        # Claimed by a higher rule: counted by a lower one, never expired by it.
        matched = sorted((it for it in images if matches(selection, it)), key=lambda it: it.days)
        if selection["countType"] == "imageCountMoreThan":
            due = matched[selection["countNumber"] :]
        else:
            due = [image for image in matched if image.days > selection["countNumber"]]
        gone |= {image for image in due if image not in claimed}
        if selection["tagStatus"] != "any":
            claimed |= set(matched)
    return gone


TAGS = st.sets(
    st.sampled_from(["latest", "buildcache", "keep-0123456789ab", "release-7", "live-7", "c" * 40, "rollback-7"])
)


def history(drawn):
    return [Pushed(number, frozenset(tags), days) for number, (tags, days) in enumerate(drawn)]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(TAGS, st.integers(0, 400)), max_size=40).map(history))
def test_nothing_that_was_deployed_or_released_expires_nor_does_the_build_cache(images):
    for image in expired(images):
        assert not [tag for tag in image.tags if tag.startswith(("keep-", "release-")) or tag == "buildcache"]


@settings(deadline=None)
@given(st.integers(KEPT + 1, 20))
def test_what_was_only_pushed_expires_but_for_the_newest(count):
    images = [Pushed(number, frozenset({f"{number:040}"}), number) for number in range(count)]
    assert {image.number for image in expired(images)} == set(range(KEPT, count))


def test_what_has_lost_its_tags_expires_after_two_weeks():
    assert {it.days for it in expired([Pushed(0, frozenset(), 14), Pushed(1, frozenset(), 15)])} == {15}


def test_only_the_last_rule_looks_at_every_image():
    """User guide: a rule with `any` must have the highest priority number."""
    assert [rule["selection"]["tagStatus"] == "any" for rule in rules()] == [False] * (len(rules()) - 1) + [True]
