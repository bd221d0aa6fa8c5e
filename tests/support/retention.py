"""What the repository's lifecycle policy would expire, by the rules of ECR's user guide."""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

FILE = Path(__file__).parents[2] / "infrastructure/modules/image_repository/retention.json.tftpl"
RETAINED = 3


@dataclass(frozen=True)
class Pushed:
    """An image in the repository: its number or digest, its tags, and how many days ago it was pushed."""

    number: int | str
    tags: frozenset[str]
    days: int


def rules():
    """The rules of the repository's own policy, the first that is applied first."""
    text = FILE.read_text().replace("${never_reached}", "100000").replace("${retained_images}", str(RETAINED))
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
        matched = sorted((item for item in images if matches(selection, item)), key=lambda item: item.days)
        if selection["countType"] == "imageCountMoreThan":
            due = matched[selection["countNumber"] :]
        else:
            due = [image for image in matched if image.days > selection["countNumber"]]
        gone |= {image for image in due if image not in claimed}
        if selection["tagStatus"] != "any":
            claimed |= set(matched)
    return gone
