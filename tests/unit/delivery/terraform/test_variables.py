"""The values of the root modules' variables come from the settings."""

from delivery import settings
from delivery.terraform import variables

CONFIG = {
    "environments": {"preprod": {"account": "111111111111", "region": "eu-central-1", "state_bucket": "states"}},
    "git": {"default_branch": "trunk"},
}


def test_the_foundation_gets_the_default_branch_whose_jobs_the_ci_role_trusts(tmp_path):
    loaded = settings.load(tmp_path, "preprod", CONFIG)
    assert variables.foundation(loaded, ("a", "b"), ("b",)) == {
        "environment": "preprod",
        "account": "111111111111",
        "region": "eu-central-1",
        "state_bucket": "states",
        "images": ("a", "b"),
        "existing_images": ("b",),
        "default_branch": "trunk",
    }
