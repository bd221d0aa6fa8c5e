"""The commands that GitHub's runner takes from the text of a step, and text that tries to give it some.

The rules are those of actions/runner: `ActionCommand.cs` (both forms), `ActionCommandManager.cs` (stop and resume) and
`ProcessInvoker.cs` (a line ends at a carriage return too).
"""

import re

HOSTILE = (
    "::set-output name=digest::evil",
    "  ::add-mask::a",
    "::error file=a,line=1::broken",
    "\r::error::after a carriage return",
    "50 %\r\n::warning::after both",
    "x%0A::error::y",
    "##[command]rm",
    "text ##[error]in the middle of a line",
    "##[add-mask]b",
    "::stop-commands::pause-logging",
    "::pause-logging::",
    "::group::a\n::endgroup::",
    "::add-path::/tmp/evil",
)
_KNOWN = (
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher"),
    *("save-state", "set-env", "set-output", "stop-commands", "warning"),
)
_NEW = re.compile(r"\s*::(?P<name>[^\s:]+)[^\n]*?::(?P<data>.*)")
_OLD = re.compile(r"##\[(?P<name>[^\s\]]+)[^\]]*\](?P<data>.*)")


def taken(text: str) -> list[str]:
    """The names of the commands that the runner takes from one output of a step, `stop` and `resume` included."""
    names, token = [], ""
    for line in re.split(r"\r\n|\r|\n", text):
        match = _NEW.match(line) or _OLD.search(line)
        name = match["name"] if match else ""
        if token:
            if name == token:
                names.append("resume")
                token = ""
        elif match and name == "stop-commands":
            names.append("stop")
            token = match["data"]
        elif name in _KNOWN:
            names.append(name)
    return names
