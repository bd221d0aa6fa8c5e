"""The matrix of what may go wrong where: each stage of a deploy, and a rollback, with each fault. Data."""

from support.chaos.cells import (
    ALWAYS,
    BROKEN,
    CODE,
    EXPIRED,
    FILLS,
    HANGS,
    INIT_DONE,
    KILLED_IT,
    LOGIN,
    MOVE,
    READ,
    RELEASED,
    STATE,
    STREAM,
    STS,
    TAGGING,
    THROTTLED,
    UPDATE,
    UPLOAD,
    Cell,
    Row,
    hung,
)
from support.chaos.shims import FAILS, KILLED, pushing

ONCE = 'exec REAL "$@" -backend-config=max_retries=1'
"""The S3 backend retries once here; its default is 5 retries."""
FULL = "size=96m"  # of which a shim takes all
ENGINE = ("docker", "version")
INIT, PLAN, APPLY, PUSH_STATE = (("terraform", name) for name in ("init", "plan", "apply", "state"))
BAKE = ("docker", "--metadata-file")
NO_TOOL = "no tool runs, only boto3"
NOT_WRITTEN = "nothing is written"

GUARDS = Row(
    "guards",
    "push-image",
    (
        Cell("tool fails", 3, "docker does not answer", ((*ENGINE, FAILS),)),
        hung("in guards: nothing was changed", (*ENGINE, HANGS)),
        Cell("network refuses", 8, "AWS cannot be reached", relay=((STS, "drop", ALWAYS),)),
        Cell("slow", 0, "push", relay=((STS, "slow", 1),)),
        Cell("500", 0, "push", relay=((STS, BROKEN, 2),)),
        Cell("throttled", 0, "push", relay=((STS, THROTTLED, 2),)),
        Cell("credentials expire", 8, "renew the credentials", relay=((STS, EXPIRED, ALWAYS),)),
        Cell("disk full", 3, "The disk is full", disk="nr_inodes=1"),
        Cell("killed", 3, "docker does not answer", ((*ENGINE, KILLED),)),
    ),
    changes=False,
)
INITS = Row(
    "init",
    "unlock",
    (
        Cell("tool fails", 6, "it broke", ((*INIT, FAILS),)),
        hung("in init: nothing was changed", (*INIT, HANGS)),
        Cell("network refuses", 6, "could not initialise", ((*INIT, ONCE),), ((STATE, "drop", ALWAYS),)),
        Cell("slow", 0, "is not locked", relay=((STATE, "slow", 1),)),
        Cell("500", 0, "is not locked", relay=((STATE, BROKEN, 2),)),
        Cell("throttled", 0, "is not locked", relay=((STATE, "503 SlowDown", 2),)),
        Cell("credentials expire", 6, "renew the credentials", relay=((STATE, "403 ExpiredToken", ALWAYS),)),
        Cell("disk full", 3, "The disk is full", ((*INIT, FILLS),), disk=FULL),
        Cell("killed", 6, "terraform ended with -9", ((*INIT, KILLED),)),
    ),
    changes=False,
)
BUILD = Row(
    "build",
    "push-image",
    (
        Cell("tool fails", 5, "it broke", ((*BAKE, FAILS),)),
        hung("in build: nothing was pushed", (*BAKE, HANGS)),
        Cell("network refuses", 8, "AWS cannot be reached", relay=((LOGIN, "drop", ALWAYS),)),
        Cell("slow", 0, "push", relay=((LOGIN, "slow", 1),)),
        Cell("500", 0, "push", relay=((LOGIN, BROKEN, 2),)),
        Cell("throttled", 0, "push", relay=((LOGIN, THROTTLED, 2),)),
        Cell("credentials expire", 8, "renew the credentials", relay=((LOGIN, EXPIRED, ALWAYS),)),
        Cell("disk full", 3, "The disk is full", ((*BAKE, FILLS),), disk=FULL),
        Cell("killed", 5, "docker ended with -9", ((*BAKE, KILLED),)),
    ),
    changes=False,
)
PUSH = Row(
    "push",
    "push-image",
    (
        Cell("tool fails", 5, "it broke", ((*BAKE, pushing(FAILS)),)),
        hung("layers may have been pushed", (*BAKE, HANGS)),
        Cell("network refuses", 8, "The registry cannot be reached", relay=((UPLOAD, "drop", ALWAYS),)),
        Cell("slow", 0, "push", relay=((UPLOAD, "slow", 1),)),
        Cell("500", 0, "push", relay=((UPLOAD, "503 UNAVAILABLE", 2),)),
        Cell("throttled", 0, "push", relay=((UPLOAD, "429 TOOMANYREQUESTS", 2),)),
        Cell("credentials expire", 8, "renew the credentials", relay=((TAGGING, EXPIRED, ALWAYS),)),
        Cell("disk full", 3, "The disk is full", ((*BAKE, FILLS),), disk=FULL),
        Cell("killed", 5, "could not be pushed", ((*BAKE, pushing(KILLED)),)),
    ),
)
PLANS = Row(
    "plan",
    "tf-plan",
    (
        Cell("tool fails", 6, "it broke", ((*PLAN, FAILS),)),
        hung("no function runs", (*PLAN, HANGS)),  # beside the push, which may not have ended
        Cell("network refuses", 6, "could not plan", relay=((READ, "drop", ALWAYS),), once=True),
        Cell("slow", 0, "plan", relay=((READ, "slow", 1),)),
        Cell("500", 0, "plan", relay=((READ, BROKEN, 2),)),
        Cell("throttled", 0, "plan", relay=((READ, THROTTLED, 2),)),
        Cell(
            "credentials expire",
            6,
            "renew the credentials",
            relay=((READ, EXPIRED, ALWAYS), (RELEASED, "403 ExpiredToken", ALWAYS)),
        ),
        Cell("disk full", 3, "The disk is full", ((*PLAN, FILLS),), disk=FULL),
        Cell("killed", 6, "terraform ended with -9", ((*PLAN, KILLED),)),
    ),
    (INIT_DONE,),
)
APPLIES = Row(
    "apply",
    "deploy",
    (
        Cell("tool fails", 6, "it broke", ((*APPLY, FAILS),)),
        hung("in apply: what was changed is recorded", relay=((UPDATE, "hold", ALWAYS),)),
        Cell("network refuses", 6, "could not apply", relay=((UPDATE, "drop", ALWAYS),), once=True),
        Cell("slow", 0, "1 updated", relay=((UPDATE, "slow", 1),)),
        Cell("500", 0, "1 updated", relay=((UPDATE, BROKEN, 2),)),
        Cell("throttled", 0, "1 updated", relay=((UPDATE, THROTTLED, 2),)),
        Cell("credentials expire", 6, "renew the credentials", relay=((UPDATE, EXPIRED, ALWAYS),)),
        Cell("killed", 6, "terraform ended with -9", ((*APPLY, KILLED),)),
    ),
    (INIT_DONE,),
    {"disk full": f"{NOT_WRITTEN}: the state is in S3"},
)
CODES = Row(
    "code",  # the short way: the state is written after it
    "deploy",
    (
        Cell("tool fails", 0, "The state is behind", ((*PUSH_STATE, FAILS),)),
        hung("the alias was not moved", relay=((CODE, "hold", ALWAYS),)),
        Cell("network refuses", 8, "cannot be reached", relay=((CODE, "drop", ALWAYS),)),
        Cell("credentials expire", 8, "renew the credentials", relay=((CODE, EXPIRED, ALWAYS),)),
        Cell("killed", -9, "", relay=((CODE, "hold", ALWAYS),), ends=KILLED_IT),
    ),
    (INIT_DONE,),
    {**dict.fromkeys(("slow", "500", "throttled"), "the client of `release`"), "disk full": NOT_WRITTEN},
)
VERIFIES = Row(
    "verify",
    "rollback --to 1",  # the same verification as a deploy's, without its Terraform
    (
        hung("in verify: nothing was changed", relay=((STREAM, "hold", ALWAYS),)),
        Cell("network refuses", 8, "cannot be reached", relay=((STREAM, "drop", ALWAYS),)),
        Cell("slow", 0, "3 events", relay=((STREAM, "slow", 1),)),
        Cell("500", 8, "AWS refused", relay=((STREAM, BROKEN, ALWAYS),)),
        Cell("throttled", 8, "wait a minute", relay=((STREAM, THROTTLED, ALWAYS),)),
        Cell("credentials expire", 8, "renew the credentials", relay=((STREAM, EXPIRED, ALWAYS),)),
        Cell("killed", -9, "", relay=((STREAM, "hold", ALWAYS),), ends=KILLED_IT),
    ),
    without={"tool fails": NO_TOOL, "disk full": NOT_WRITTEN},
)
MOVES = (
    hung("in release: the alias may or may not have moved", relay=((MOVE, "hold", ALWAYS),)),
    Cell("network refuses", 8, "cannot be reached", relay=((MOVE, "drop", ALWAYS),)),
    Cell("slow", 0, "release", relay=((MOVE, "slow", 1),)),
    Cell("500", 0, "release", relay=((MOVE, BROKEN, 2),)),
    Cell("throttled", 0, "release", relay=((MOVE, THROTTLED, 2),)),
    Cell("credentials expire", 8, "renew the credentials", relay=((MOVE, EXPIRED, ALWAYS),)),
    Cell("killed", -9, "", relay=((MOVE, "hold", ALWAYS),), ends=KILLED_IT),
)
UNMOVED = {"tool fails": NO_TOOL, "disk full": NOT_WRITTEN}
RELEASE = Row("release", "deploy", MOVES, (INIT_DONE,), UNMOVED)
ROLLBACK = Row("rollback", "rollback --to 1", MOVES, (), UNMOVED)
MATRIX = (GUARDS, INITS, BUILD, PUSH, PLANS, CODES, APPLIES, VERIFIES, RELEASE, ROLLBACK)
