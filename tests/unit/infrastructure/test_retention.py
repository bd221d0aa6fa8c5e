"""Retention: over random histories, what expires and what never does, by the rules of ECR's user guide."""

from hypothesis import given, settings
from hypothesis import strategies as st
from support.retention import RETAINED, Pushed, expired, rules

SBOM = f"sha256-{'a' * 64}.sbom.0123456789ab"
"""As delivery/aws/referrers.py tags an attestation."""
TAGS = st.sets(
    st.sampled_from(
        ["latest", "buildcache", "keep-0123456789ab", "release-7", "live-7", "c" * 40, "rollback-7", "accepted-7", SBOM]
    )
)


def history(drawn):
    return [Pushed(number, frozenset(tags), days) for number, (tags, days) in enumerate(drawn)]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(TAGS, st.integers(0, 400)), max_size=40).map(history))
def test_nothing_that_was_deployed_or_released_expires_nor_does_the_build_cache(images):
    for image in expired(images):
        assert not [
            tag for tag in image.tags if tag.startswith(("keep-", "release-", "sha256-")) or tag == "buildcache"
        ]


@given(st.integers(0, 200), st.integers(0, 400))
def test_no_attestation_expires_before_its_image_however_many_there_are(count, days):
    used = Pushed("image", frozenset({"keep-0123456789ab"}), days)
    beside = [Pushed(number, frozenset({f"sha256-{number:064}.provenance.0"}), days) for number in range(count)]
    assert expired([used, *beside]) == set()


@settings(deadline=None)
@given(st.integers(RETAINED + 1, 20))
def test_what_was_only_pushed_expires_but_for_the_newest(count):
    images = [Pushed(number, frozenset({f"{number:040}"}), number) for number in range(count)]
    assert {image.number for image in expired(images)} == set(range(RETAINED, count))


def test_what_has_lost_its_tags_expires_after_two_weeks():
    assert {item.days for item in expired([Pushed(0, frozenset(), 14), Pushed(1, frozenset(), 15)])} == {15}


def test_only_the_last_rule_selects_every_image():
    """User guide: a rule with `any` must have the highest priority number."""
    assert [rule["selection"]["tagStatus"] == "any" for rule in rules()] == [False] * (len(rules()) - 1) + [True]
