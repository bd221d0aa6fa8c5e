"""The image references in a Dockerfile."""

import re
import string

_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?\s*", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+(?P<name>\w+)=[\"']?(?P<value>[^\"'\s]*)[\"']?\s*", re.IGNORECASE)


def references(dockerfile: str) -> tuple[str, ...]:
    """The images that a Dockerfile's FROM lines name, in order, each once; not its stages, not ``scratch``.

    ARG lines give their defaults (Dockerfile reference, "Understand how ARG and FROM interact"); a reference
    that still holds a ``$`` has no default.
    """
    defaults: dict[str, str] = {}
    stages = {"scratch"}
    images: dict[str, None] = {}
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if argument := _ARG.fullmatch(line.strip()):
            defaults.setdefault(argument["name"], argument["value"])
        elif match := _FROM.fullmatch(line.strip()):
            image = string.Template(match["image"]).safe_substitute(defaults)
            if image.lower() not in stages:
                images[image] = None
            if match["stage"]:
                stages.add(match["stage"].lower())
    return tuple(images)
