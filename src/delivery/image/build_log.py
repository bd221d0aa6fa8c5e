"""Reads the output of BuildKit with `--progress=plain`: steps, cache hits, and why a step failed.

The form is `#N text`; a step opens with `#N [target 2/6] RUN ...` and ends with `#N DONE`, `#N CACHED` or
`#N ERROR: ...`. Source: docker/buildx, `util/progress`, "plain" display.
"""

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"#(\d+) (.*)")
_STEP = re.compile(r"\[([\w.-]+ )*\d+/\d+\] ")
_BASE = re.compile(r"\[([\w.-]+ )?internal\] load metadata for |\[([\w.-]+ )*\d+/\d+\] FROM ")
# The second is that of a named context, https://github.com/moby/buildkit/blob/master/frontend/dockerui/namedcontext.go
_RESOLVED = re.compile(r"(?:\[.*\] FROM |resolve )(?P<reference>\S+)@(?P<digest>sha256:[0-9a-f]{64})(?: .*)?")
# A failed export is in the log only with `ignore-error` (docker-bake.hcl); without it the build fails.
_READ = re.compile(r"(\[[\w.-]+\] )?importing cache")
_WRITE = re.compile(r"(\[[\w.-]+\] )?exporting (cache|to GitHub Actions Cache)")
_LOG = re.compile(r"\d+\.\d+ (.*)")


@dataclass
class BuildLog:
    """Collects the lines of one build."""

    steps: dict[str, str] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)
    cache: dict[str, str] = field(default_factory=dict)
    """Steps that read or write the build cache, which are optional, each with what a failure of it means."""
    resolved: dict[str, str] = field(default_factory=dict)
    """Image to digest, for each image whose digest BuildKit found out."""
    builder: str = ""
    warnings: tuple[str, ...] = ()
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
        if found := _RESOLVED.fullmatch(text):
            self.resolved[found["reference"]] = found["digest"]
        if use := _cache_use(text):
            self.cache[number] = use
        elif text.startswith("["):
            # With several targets, each step has the name of its target, and exports are in brackets too.
            opened = number not in self.steps
            self.steps[number] = text
            return text if opened else ""
        if text == "CACHED":
            self.cached.add(number)
        elif text.startswith("building with "):
            self.builder = text
        elif text.startswith("ERROR: "):
            self._error(number, text.removeprefix("ERROR: "))
        elif log := _LOG.fullmatch(text):
            self.output.setdefault(number, []).append(log[1])
        return ""

    def _error(self, number: str, reason: str) -> None:
        if number not in self.cache:
            self.failed, self.error = number, reason
        elif not reason.endswith(": not found"):  # the cache of a first build
            self.warnings = (*self.warnings, f"{self.cache[number]}: {reason}")

    def counts(self) -> str:
        """The number of Dockerfile steps, and of those from the cache, for people."""
        steps = {number for number, text in self.steps.items() if _STEP.match(text)}
        return f"{len(steps)} steps, {len(steps & self.cached)} cached"

    @property
    def failed_in(self) -> str:
        """`step` after a failed Dockerfile step, `base` without the base image, otherwise empty."""
        text = self.steps.get(self.failed, "")
        return "base" if _BASE.match(text) else "step" if _STEP.match(text) else ""

    @property
    def may_be_the_cache(self) -> bool:
        """Whether the build failed outside the Dockerfile, or in a step whose own command did not fail.

        BuildKit fetches the layers of a cache late, in the step that needs them
        (https://github.com/moby/buildkit/issues/2836).
        """
        return not self.failed or (self.failed_in == "step" and "did not complete successfully" not in self.error)

    def failure(self, lines: int = 20) -> tuple[str, str]:
        """The failed step, and its last `lines` lines of output with the reason of BuildKit below."""
        step = self.steps.get(self.failed, "")
        printed = self.output.get(self.failed, [])[-lines:]
        return step, "\n".join([*printed, self.error]).strip()


def _cache_use(text: str) -> str:
    if _READ.match(text):
        return "The build cache could not be read"
    return "The build cache could not be written" if _WRITE.match(text) else ""
