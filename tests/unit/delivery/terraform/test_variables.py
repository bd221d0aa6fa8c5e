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
        "verification_keys": [],
        "verifying_accounts": (),
    }


def test_the_foundation_gets_the_keys_that_an_environment_trusts_but_no_workflow(tmp_path):
    workflow = "https://github.com/o/n/.github/workflows/deploy.yml@refs/heads/main"
    signers = ["awskms:///arn:aws:kms:us-east-1:222222222222:alias/prod-images", "awskms:///alias/images", workflow]
    config = settings.started(CONFIG, "preprod", {"requires": {"signed_by": signers}})
    values = variables.foundation(settings.load(tmp_path, "preprod", config), (), ())
    assert values["verification_keys"] == ["arn:aws:kms:us-east-1:222222222222:alias/prod-images", "alias/images"]


def test_the_foundation_gets_the_accounts_whose_environments_require_signatures_of_its_keys(tmp_path):
    key = "awskms:///arn:aws:kms:us-east-1:222222222222:alias/prod-images"
    region, requires = "us-east-1", {"signed_by": [key]}
    accounts = {"prod": "222222222222", "stage": "333333333333", "preprod": "111111111111", "other": "222222222222"}
    places = {name: {"account": account, "region": region} for name, account in accounts.items()}
    for name in ("prod", "stage", "other"):
        places[name]["requires"] = requires
    loaded = {name: settings.load(tmp_path, name, {"environments": places}) for name in places}
    given = {name: variables.foundation(each, (), ())["verifying_accounts"] for name, each in loaded.items()}
    both = ("333333333333",)
    assert given == {"prod": both, "other": both, "stage": (), "preprod": ()}
