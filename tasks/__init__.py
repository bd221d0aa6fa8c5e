"""What `invoke` can do. Each task chains what it needs; each alone works. nox asks, invoke changes."""

from tasks.keep import bootstrap, prune, sandbox_down, sandbox_status, sandbox_up, unlock
from tasks.look import diff, doctor, job_summary, releases, status, stream
from tasks.ship import build_image, deploy, promote, push_image, rollback, tf_apply, tf_plan, verify

__all__ = [
    "bootstrap",
    "build_image",
    "deploy",
    "diff",
    "doctor",
    "job_summary",
    "promote",
    "prune",
    "push_image",
    "releases",
    "rollback",
    "sandbox_down",
    "sandbox_status",
    "sandbox_up",
    "status",
    "stream",
    "tf_apply",
    "tf_plan",
    "unlock",
    "verify",
]
