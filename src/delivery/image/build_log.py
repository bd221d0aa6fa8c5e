"""Reads the output of BuildKit with `--progress=plain`: steps, cache hits, and why a step failed.

The form is `#N text`; a step opens with `#N [target 2/6] RUN ...` and ends with `#N DONE`, `#N CACHED` or
`#N ERROR: ...`. Source: docker/buildx, `util/progress`, "plain" display.
"""

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"#(\d+) (.*)")
_STEP = re.compile(r"\[([\w.-]+ )*\d+/\d+\] ")
_BASE = re.compile(r"\[([\w.-]+ )?internal\] load metadata for ")
_CACHE = re.compile(r"(\[[\w.-]+\] )?importing cache")
_LOG = re.compile(r"\d+\.\d+ (.*)")


@dataclass
class BuildLog:
    """Collects the lines of one build."""

    steps: dict[str, str] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)
    optional: set[str] = field(default_factory=set)
    output: dict[str, list[str]] = field(default_factory=dict)
    failed: str = ""
    error: str = ""

    def feed(self, line: str) -> str:
        """Take one line; return the step that it opens, or an empty text."""
        match = _LINE.fullmatch(line.rstrip())
        if not match:
            if line.startswith("ERROR: ") and not self.error:
                self.error = line.removeprefix("ERROR: ")
            return ""
        number, text = match.groups()
        if _CACHE.match(text):
            self.optional.add(number)
        elif text.startswith("["):
            # With several targets, each step has the name of its target, and exports are in brackets too.
            opened = number not in self.steps
            self.steps[number] = text
            return text if opened else ""
        if text == "CACHED":
            self.cached.add(number)
        elif text.startswith("ERROR: ") and number not in self.optional:
            self.failed = number
            self.error = text.removeprefix("ERROR: ")
        elif log := _LOG.fullmatch(text):
            self.output.setdefault(number, []).append(log[1])
        return ""

    def counts(self) -> str:
        """The number of Dockerfile steps, and of those from the cache, for people."""
        steps = {number for number, text in self.steps.items() if _STEP.match(text)}
        return f"{len(steps)} steps, {len(steps & self.cached)} cached"

    @property
    def failed_in(self) -> str:
        """`step` after a failed Dockerfile step, `base` after a missing base image, otherwise empty."""
        text = self.steps.get(self.failed, "")
        return "step" if _STEP.match(text) else "base" if _BASE.match(text) else ""

    def failure(self, lines: int = 20) -> tuple[str, str]:
        """The failed step, and its last `lines` lines of output with the reason of BuildKit below."""
        step = self.steps.get(self.failed, "")
        printed = self.output.get(self.failed, [])[-lines:]
        return step, "\n".join([*printed, self.error]).strip()
