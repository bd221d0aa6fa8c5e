"""What a row and a cell of the fault matrix are, and the patterns of the requests that are broken in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from support.chaos.shims import DONE

EXPIRED = "403 ExpiredTokenException"
THROTTLED = "429 ThrottlingException"
BROKEN = "500 InternalError"
STS = "Action=GetCallerIdentity"
LOGIN = "AmazonEC2ContainerRegistry.*GetAuthorizationToken"
TAGGING = "AmazonEC2ContainerRegistry.*PutImage"
STATE = r"(GET|HEAD) /[\w-]+-terraform-state"
RELEASED = r"DELETE /[\w-]+-terraform-state.*tflock"
READ = r"GET /20\d\d-\d\d-\d\d/functions/[\w-]+/versions"  # Terraform's: before a plan, we read function and alias
CODE = r"PUT /2015-03-31/functions/[^ ]+/code"
UPDATE = r"PUT /2015-03-31/functions/[^ ]+/(code|configuration)"
STREAM = r"response-streaming-invocations"
MOVE = r"PUT /2015-03-31/functions/[^ ]+/aliases/"
UPLOAD = r"(POST|PUT) /v2/.*/blobs/uploads"
ALWAYS = 10**9

INIT_DONE = ("terraform", "init", DONE)
"""Terraform's data is there already, so `init` does nothing."""
HANGS, FILLS = "hangs", "fills"
"""Actions of a shim that need a path, which is known to the test alone."""
CANCELLED, KILLED_IT = "cancelled", "killed"

FAULTS = (
    "tool fails",
    "tool hangs",
    "network refuses",
    "slow",
    "500",
    "throttled",
    "credentials expire",
    "disk full",
    "killed",
)


@dataclass(frozen=True)
class Cell:
    """One fault, and what a person then sees."""

    fault: str
    code: int
    fact: str
    shims: tuple[tuple[str, str, str], ...] = ()
    """Tool, words in its arguments, action; before those of the row."""
    relay: tuple[tuple[str, str, int], ...] = ()
    """Requests, how, how often."""
    ends: str = ""
    """Once it hangs: `cancelled`, a person loses patience and types Ctrl-C; `killed`, the task gets SIGKILL."""
    disk: str = ""
    """Options of a tmpfs that is the disk of the run."""
    once: bool = False
    """Terraform's provider tries again once, not 25 times, which takes longer than the whole matrix."""


NEXT = Cell("then deploy", 0, "is live in")
"""No fault: the deploy after all those of a row."""


@dataclass(frozen=True)
class Row:
    """One stage, what is typed to come there, and what becomes of it with each fault."""

    stage: str
    task: str
    cells: tuple[Cell, ...]
    shims: tuple[tuple[str, str, str], ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)
    """Why a fault has no cell."""
    changes: bool = True
    """Whether there is something for the next deploy to converge from."""

    @property
    def cases(self) -> tuple[tuple[Cell, ...], ...]:
        """Its cells in their order; what a task survives, it survives together; the next deploy is the last."""
        survived = tuple(cell for cell in self.cells if cell.relay and not cell.code)
        failing = tuple((cell,) for cell in self.cells if cell not in survived)
        return (*failing, *filter(None, (survived,)), *(((NEXT,),) if self.changes else ()))


def together(cells: tuple[Cell, ...]) -> Cell:
    """One cell with the faults of all. The refusals come first: a request that is only slow is not sent again."""
    if len(cells) == 1:
        return cells[0]
    rules = sorted((rule for cell in cells for rule in cell.relay), key=lambda rule: rule[1] == "slow")
    return replace(cells[0], relay=tuple(rules))


def hung(fact: str, *shims: tuple[str, str, str], relay: tuple[tuple[str, str, int], ...] = ()) -> Cell:
    """Something hangs, and a person types Ctrl-C."""
    return Cell("tool hangs", 130, fact, shims, relay, CANCELLED)
