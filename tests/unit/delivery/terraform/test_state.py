"""What is deployed, read from the state that Terraform keeps in its bucket."""

import pytest
from support.aws import ACCOUNT, refusal
from support.world import FUNCTION, state_document, world

from delivery.errors import CloudError, TerraformError, UnhealthyError
from delivery.terraform import state


def test_what_is_deployed_is_read_from_terraform_s_record_and_terraform_does_not_run(tmp_path):
    made = world(tmp_path)
    assert state.require_functions(made.run) == (FUNCTION,)
    assert made.shell.ran == []
    wanted = {"Bucket": "state", "Key": "service.tfstate", "ExpectedBucketOwner": ACCOUNT}
    assert made.aws.s3.calls == [("get_object", wanted)]


@pytest.mark.parametrize("gone", ["objects", "buckets"])
def test_before_the_first_deploy_there_is_nothing(tmp_path, gone):
    made = world(tmp_path)
    getattr(made.aws.s3, gone).clear()
    assert state.functions(made.run) == ()
    with pytest.raises(UnhealthyError, match="Nothing is deployed yet"):
        state.require_functions(made.run)


def test_a_state_without_outputs_deploys_nothing(tmp_path):
    made = world(tmp_path)
    made.aws.s3.objects["service.tfstate"] = state_document(outputs={})
    assert state.functions(made.run) == ()


def test_a_format_that_is_not_known_is_not_guessed_at(tmp_path):
    made = world(tmp_path)
    made.aws.s3.objects["service.tfstate"] = state_document(version=5)
    with pytest.raises(TerraformError, match="cannot be read") as caught:
        state.functions(made.run)
    assert "5" in caught.value.why


def test_a_state_that_may_not_be_read_is_reported(tmp_path):
    made = world(tmp_path)
    made.aws.s3.refuses["get_object"] = refusal("AccessDenied", "not authorized to perform: s3:GetObject")
    with pytest.raises(CloudError, match=r"read service\.tfstate in the state bucket"):
        state.functions(made.run)
