"""The matrix of what may go wrong where: data."""

from dataclasses import dataclass

from shims import DONE, FAILS, KILLED

EXPIRED = "403 ExpiredTokenException"
THROTTLED = "429 ThrottlingException"
BROKEN = "500 InternalError"
STS, ECR = "Action=GetCallerIdentity", "AmazonEC2ContainerRegistry"
STATE = r"(GET|HEAD) /sse-streaming-tfstate"
READ = r"GET /20\d\d-\d\d-\d\d/functions/"
UPDATE = r"PUT /2015-03-31/functions/[^ ]+/(code|configuration)"
STREAM = r"response-streaming-invocations"
MOVE = r"PUT /2015-03-31/functions/[^ ]+/aliases/"
UPLOAD = r"PUT /v2/.*/blobs/uploads"
INIT_DONE = ("terraform", "init", DONE)
HANGS = "hangs"  # its action needs a path, known to the test alone


@dataclass(frozen=True)
class Cell:
    """One fault in one stage, what is typed there, and what a person then sees."""

    stage: str
    fault: str
    task: str
    code: int
    said: str
    shims: tuple[tuple[str, str, str], ...] = ()
    """Tool, words in its arguments, action."""
    relay: tuple[tuple[str, str, int], ...] = ()
    """Requests, how, how often."""
    disk: int = 0
    """Pages of 4 KiB that are left on the disk of the run."""
    cancel: bool = False
    """A person loses patience and types Ctrl-C once it hangs."""

    @property
    def name(self) -> str:
        return f"{self.stage}-{self.fault}"


ALWAYS = 10**9
PUSH = "push-image"
MATRIX = (
    Cell("guards", "tool fails", PUSH, 3, "docker does not answer", shims=(("docker", "version", FAILS),)),
    Cell(
        "guards",
        "tool hangs",
        PUSH,
        130,
        "in guards: nothing was changed",
        (("docker", "version", HANGS),),
        cancel=True,
    ),
    Cell("guards", "network refuses", PUSH, 8, "AWS cannot be reached", relay=((STS, "drop", ALWAYS),)),
    Cell("guards", "slow", PUSH, 0, "publish", relay=((STS, "slow", 1),)),
    Cell("guards", "500", PUSH, 0, "publish", relay=((STS, BROKEN, 2),)),
    Cell("guards", "throttled", PUSH, 0, "publish", relay=((STS, THROTTLED, 2),)),
    Cell("guards", "credentials expire", PUSH, 8, "renew the credentials", relay=((STS, EXPIRED, ALWAYS),)),
    Cell("guards", "disk full", PUSH, 3, "The disk is full", disk=1),
    Cell("guards", "killed", PUSH, 2, "The commit could not be read", shims=(("git", "log", KILLED),)),
    Cell("init", "tool fails", "verify", 6, "it broke", shims=(("terraform", "init", FAILS),)),
    Cell(
        "init",
        "tool hangs",
        "verify",
        130,
        "in init: nothing was changed",
        (("terraform", "init", HANGS),),
        cancel=True,
    ),
    Cell("init", "500", "verify", 0, "verify", relay=((STATE, BROKEN, 2),)),
    Cell("init", "throttled", "verify", 0, "verify", relay=((STATE, "503 SlowDown", 2),)),
    Cell(
        "init", "credentials expire", "verify", 6, "renew the credentials", relay=((STATE, "403 ExpiredToken", ALWAYS),)
    ),
    Cell("init", "disk full", "verify", 6, "no space left on device", disk=2),
    Cell("init", "killed", "verify", 6, "terraform ended with -9", shims=(("terraform", "init", KILLED),)),
    Cell("publish", "tool fails", PUSH, 5, "it broke", shims=(("docker", "--metadata-file", FAILS),)),
    Cell(
        "publish",
        "tool hangs",
        PUSH,
        130,
        "layers may have been pushed",
        (("docker", "--metadata-file", HANGS),),
        cancel=True,
    ),
    Cell("publish", "network refuses", PUSH, 8, "AWS cannot be reached", relay=((f"{ECR}.*GetAuth", "drop", ALWAYS),)),
    Cell("publish", "500", PUSH, 0, "publish", relay=((UPLOAD, "503 UNAVAILABLE", 2),)),
    Cell("publish", "throttled", PUSH, 0, "publish", relay=((UPLOAD, "429 TOOMANYREQUESTS", 2),)),
    Cell(
        "publish", "credentials expire", PUSH, 8, "renew the credentials", relay=((f"{ECR}.*GetAuth", EXPIRED, ALWAYS),)
    ),
    Cell("publish", "killed", PUSH, 5, "does not build", shims=(("docker", "--metadata-file", KILLED),)),
    Cell("plan", "tool fails", "tf-plan", 6, "it broke", (INIT_DONE, ("terraform", "plan", FAILS))),
    Cell(
        "plan",
        "tool hangs",
        "tf-plan",
        130,
        "in plan: the image was pushed",
        (INIT_DONE, ("terraform", "plan", HANGS)),
        cancel=True,
    ),
    Cell("plan", "500", "tf-plan", 0, "plan", (INIT_DONE,), ((READ, BROKEN, 2),)),
    Cell("plan", "throttled", "tf-plan", 0, "plan", (INIT_DONE,), ((READ, THROTTLED, 2),)),
    Cell("plan", "credentials expire", "tf-plan", 6, "renew the credentials", (INIT_DONE,), ((READ, EXPIRED, ALWAYS),)),
    Cell("plan", "killed", "tf-plan", 6, "terraform ended with -9", (INIT_DONE, ("terraform", "plan", KILLED))),
    Cell("apply", "tool fails", "deploy", 6, "it broke", (INIT_DONE, ("terraform", "apply", FAILS))),
    Cell(
        "apply",
        "tool hangs",
        "deploy",
        130,
        "in apply: Terraform kept in its state",
        (INIT_DONE,),
        ((UPDATE, "hold", ALWAYS),),
        cancel=True,
    ),
    Cell(
        "apply", "credentials expire", "deploy", 6, "renew the credentials", (INIT_DONE,), ((UPDATE, EXPIRED, ALWAYS),)
    ),
    Cell("apply", "throttled", "tf-apply", 0, "1 updated", (INIT_DONE,), ((UPDATE, THROTTLED, 2),)),
    Cell(
        "verify",
        "tool hangs",
        "verify",
        130,
        "in verify: nothing was changed",
        (INIT_DONE,),
        ((STREAM, "hold", ALWAYS),),
        cancel=True,
    ),
    Cell("verify", "network refuses", "verify", 8, "cannot be reached", (INIT_DONE,), ((STREAM, "drop", ALWAYS),)),
    Cell("verify", "500", "verify", 8, "AWS refused", (INIT_DONE,), ((STREAM, BROKEN, ALWAYS),)),
    Cell("verify", "throttled", "verify", 8, "wait a minute", (INIT_DONE,), ((STREAM, THROTTLED, ALWAYS),)),
    Cell(
        "verify", "credentials expire", "verify", 8, "renew the credentials", (INIT_DONE,), ((READ, EXPIRED, ALWAYS),)
    ),
    Cell("release", "network refuses", "deploy", 8, "cannot be reached", (INIT_DONE,), ((MOVE, "drop", ALWAYS),)),
    Cell(
        "release", "credentials expire", "deploy", 8, "renew the credentials", (INIT_DONE,), ((MOVE, EXPIRED, ALWAYS),)
    ),
    Cell(
        "release",
        "500",
        "deploy",
        0,
        "release",
        (INIT_DONE,),
        ((MOVE, BROKEN, 2), (MOVE, "409 ResourceConflictException", 1)),
    ),
)
# Where a pair makes no sense, or is another's: why.
WITHOUT = {
    "init slow": "as guards: a late answer is an answer",
    "publish slow": "as guards",
    "publish disk full": "as guards: the same folder; the engine's disk is the machine's",
    "plan slow": "as guards",
    "plan disk full": "as guards and init: the same folder",
    "apply slow": "as tool hangs, but it ends",
    "apply disk full": "the state is in S3, nothing is written here",
    "apply killed": "test_locks.py: Terraform killed, and the task killed",
    "apply network refuses": "as tool hangs: the connection is held and then broken",
    "apply 500": "the provider's retries are one code for 5xx and throttling",
    "init network refuses": "not yet: the backend's own retries take longer than the whole matrix",
    "plan network refuses": "not yet: as init, the provider's 25 retries",
    "verify tool fails": "no tool: boto3",
    "verify slow": "its own deadlines: tests/unit/test_verify.py",
    "verify disk full": "nothing is written",
    "verify killed": "nothing to undo: it changes nothing",
    "release tool fails": "no tool: boto3",
    "release tool hangs": "as verify",
    "release slow": "as guards",
    "release throttled": "as 500: botocore's one retry",
    "release disk full": "nothing is written",
    "release killed": "test_cancels.py: SIGKILL would need 10 s of hanging first",
}
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
