"""The JSON lines and plans that Terraform prints."""

import json

from delivery.process.shell import Result

PROVIDER = """\
provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.100.0"
  constraints = "~> 5.100"
}
"""  # as Terraform writes it to .terraform.lock.hcl


def diagnostic(summary, detail="", severity="error", **more):
    """A line of Terraform's machine-readable UI that tells of a failure."""
    body = {"severity": severity, "summary": summary, "detail": detail, **more}
    return json.dumps({"@level": severity, "@message": f"Error: {summary}", "type": "diagnostic", "diagnostic": body})


def progress(text, kind="apply_start"):
    """A line that tells what is happening."""
    return json.dumps({"@level": "info", "@message": text, "@module": "terraform.ui", "type": kind})


LOCKED = diagnostic(
    "Error acquiring the state lock",
    "Error message: operation error S3: PutObject, https response error StatusCode: 412, RequestID: 8e217aa4, api "
    "error PreconditionFailed: At least one of the pre-conditions you specified did not hold\nLock Info:\n"
    "  ID:        a3f0c1de-5f7c-4a5d-9a37-0a8b8c1d2e3f\n  Path:      state/service.tfstate\n"
    "  Operation: OperationTypeApply\n  Who:       ada@laptop\n  Version:   1.11.4\n"
    "  Created:   2026-01-02 03:04:05.678 +0000 UTC\n  Info:      \n\n\n"
    "Terraform acquires a state lock to protect the state from being written\nby multiple users at the same time.",
)
LOCKED_TEXT = """
Error: Error acquiring the state lock

Error message: operation error S3: PutObject, https response error
StatusCode: 412, RequestID: 7882084f-a048-4438-8c5d-832513902af6, api error
PreconditionFailed: At least one of the pre-conditions you specified did not
hold
Lock Info:
  ID:        a3f0c1de-5f7c-4a5d-9a37-0a8b8c1d2e3f
  Path:      state/service.tfstate
  Operation: OperationTypeApply
  Who:       ada@laptop
  Version:   1.11.4
  Created:   2026-01-02 03:04:05.678 +0000 UTC
  Info:


Terraform acquires a state lock to protect the state from being written
by multiple users at the same time. Please resolve the issue above and try
again. For most commands, you can disable locking with the "-lock=false"
flag, but this is not recommended.
"""
"""The same by a command that knows no -json, on standard error."""
NO_BUCKET = diagnostic(
    'Failed to get existing workspaces: S3 bucket "state" does not exist.\n\nThe referenced S3 bucket must have been '
    "previously created.\n\nError: operation error S3: ListObjectsV2, https response error StatusCode: 404, "
    "NoSuchBucket: "
)
NO_PROVIDER = diagnostic(
    "Failed to query available provider packages",
    "Could not retrieve the list of available versions for provider hashicorp/aws: could not connect to "
    "registry.terraform.io: failed to request discovery document: connection refused",
)
NOT_IN_MIRROR = diagnostic(
    "Failed to query available provider packages",
    "Could not retrieve the list of available versions for provider hashicorp/aws: provider "
    "registry.terraform.io/hashicorp/aws was not found in any of the search locations",
)


def change(address, *actions, before=None, after=None, **more):
    """One resource in `terraform show -json`."""
    return {"address": address, "change": {"actions": list(actions), "before": before, "after": after, **more}}


def planned(*changes, **more):
    """What `terraform plan -detailed-exitcode` and, where something changes, `terraform show -json` answer."""
    idle = all(result["change"]["actions"] in (["no-op"], ["read"]) for result in changes)
    if idle and not more and not any("importing" in result["change"] for result in changes):
        return {"terraform plan": ""}
    document = {"format_version": "1.2", "applyable": True, "errored": False, "resource_changes": list(changes), **more}
    printed = [
        result for result in changes if result["change"]["actions"] != ["no-op"] or "importing" in result["change"]
    ]
    lines = "".join(f"{_planned(result)}\n" for result in printed)
    return {"terraform plan": Result(2, lines, ""), "terraform show": json.dumps(document)}


def _planned(result):
    """The line of Terraform's progress for one change."""
    actions = result["change"]["actions"]
    action = actions[0] if len(actions) == 1 else "replace"
    # Names of internal/command/views/json/change.go in hashicorp/terraform
    action = {"no-op": "import", "forget": "remove"}.get(action, action)
    planned_change = {"resource": {"addr": result["address"]}, "action": action}
    return json.dumps({"@level": "info", "@message": "planned", "type": "planned_change", "change": planned_change})
