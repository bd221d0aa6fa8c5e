"""What `invoke` can do. Each task chains what it needs; each alone works. nox asks, invoke changes."""

from tasks.keep import bootstrap, sandbox_down, sandbox_status, sandbox_up, unlock
from tasks.look import doctor, job_summary, releases, stream
from tasks.ship import build_image, deploy, promote, push_image, tf_apply, tf_plan, verify

__all__ = [
    "bootstrap",
    "build_image",
    "deploy",
    "doctor",
    "job_summary",
    "promote",
    "push_image",
    "releases",
    "sandbox_down",
    "sandbox_status",
    "sandbox_up",
    "stream",
    "tf_apply",
    "tf_plan",
    "unlock",
    "verify",
]
