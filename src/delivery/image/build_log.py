"""What BuildKit says while it builds, read from `--progress=plain`: steps, cache hits, and why a step failed.

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
    """Collects the lines of one build; `step` is what is running now, for people."""

    steps: dict[str, str] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)
    optional: set[str] = field(default_factory=set)
    output: dict[str, list[str]] = field(default_factory=dict)
    failed: str = ""
    error: str = ""

    def feed(self, line: str) -> str:
        """Take one line; return the name of the step it opens, or nothing."""
        match = _LINE.fullmatch(line.rstrip())
        if not match:
            if line.startswith("ERROR: ") and not self.error:
                self.error = line.removeprefix("ERROR: ")
            return ""
        number, text = match.groups()
        if _CACHE.match(text):
            self.optional.add(number)
        elif text.startswith("["):
            # With several targets each step carries its target's name; then exports come in brackets too.
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
        """How many Dockerfile steps there were and how many came from the cache, in words."""
        steps = {number for number, text in self.steps.items() if _STEP.match(text)}
        return f"{len(steps)} steps, {len(steps & self.cached)} cached"

    @property
    def failed_in(self) -> str:
        """Where the build failed: `step` of a Dockerfile, `base` image, or `` for anything else."""
        text = self.steps.get(self.failed, "")
        return "step" if _STEP.match(text) else "base" if _BASE.match(text) else ""

    def failure(self, lines: int = 20) -> tuple[str, str]:
        """The step that failed and the last `lines` lines it printed, with BuildKit's own reason last."""
        step = self.steps.get(self.failed, "")
        printed = self.output.get(self.failed, [])[-lines:]
        return step, "\n".join([*printed, self.error]).strip()
