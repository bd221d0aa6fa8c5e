"""What is deployed, read from the state that Terraform keeps in its bucket."""

import json
from dataclasses import replace

import pytest
from support.aws import ACCOUNT, refusal
from support.world import ADDRESS, DIGEST, FUNCTION, OLD_URI, PUSHED, URI, state_document, world

from delivery.aws.function_code import Code, Unpublished
from delivery.errors import CloudError, TerraformError, UnhealthyError
from delivery.terraform import state
from delivery.terraform.state import FunctionResource


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


@pytest.mark.parametrize("url", [{}, {"url": None}, {"url": ""}])
def test_a_function_without_a_url_is_deployed_too(tmp_path, url):
    made = world(tmp_path)
    functions = {"worker": {"function_name": "fn", "alias": "live", "role_name": "fn", **url}}
    made.aws.s3.objects["service.tfstate"] = state_document(outputs={"functions": {"value": functions}})
    (deployed,) = state.functions(made.run)
    assert (deployed.image, deployed.url) == ("worker", "")


@pytest.mark.parametrize("value", [{"worker": {"alias": "live"}}, {"worker": "fn"}, ["worker"]])
def test_outputs_that_name_no_function_are_refused_with_the_file_to_restore(tmp_path, value):
    made = world(tmp_path)
    made.aws.s3.objects["service.tfstate"] = state_document(outputs={"functions": {"value": value}})
    with pytest.raises(TerraformError, match="does not tell which functions") as caught:
        state.functions(made.run)
    assert "infrastructure/service/outputs.tf" in caught.value.hint


def test_a_format_that_is_not_known_is_not_guessed_at(tmp_path):
    made = world(tmp_path)
    made.aws.s3.objects["service.tfstate"] = state_document(version=5)
    with pytest.raises(TerraformError, match="cannot be read") as caught:
        state.functions(made.run)
    assert "5" in caught.value.why


@pytest.mark.parametrize("body", ["", "{", "[]", '"text"', "[" * 100_000])
def test_a_state_that_is_no_state_is_reported(tmp_path, body):
    made = world(tmp_path)
    made.aws.s3.objects["service.tfstate"] = body
    with pytest.raises(TerraformError, match="The state of service cannot be read"):
        state.functions(made.run)


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": ["functions"]},
        {"outputs": {"functions": None}},
        {"outputs": {"functions": "fn"}},
        {"resources": {"a": "b"}},
        {"resources": [{"mode": "managed"}]},
        {"resources": [{"mode": "managed", "type": "aws_lambda_function", "name": "this"}]},
        {"resources": [{"mode": "managed", "type": "aws_lambda_function", "name": "this", "instances": [{}]}]},
        {"resources": [None]},
    ],
)
def test_a_state_whose_parts_are_no_parts_of_a_state_is_reported(tmp_path, changes):
    made = world(tmp_path)
    made.aws.s3.objects["service.tfstate"] = state_document(**changes)
    with pytest.raises(TerraformError, match="The state of service cannot be read") as caught:
        state.service(made.run)
    assert "It is not as Terraform writes it" in caught.value.why


@pytest.mark.parametrize("changes", [{"outputs": None}, {"outputs": {}, "resources": None}])
def test_a_state_whose_lists_are_null_deploys_nothing(tmp_path, changes):
    made = world(tmp_path)
    made.aws.s3.objects["service.tfstate"] = state_document(**changes)
    assert state.functions(made.run) == ()


def test_a_state_that_may_not_be_read_is_reported(tmp_path):
    made = world(tmp_path)
    made.aws.s3.refuses["get_object"] = refusal("AccessDenied", "not authorized to perform: s3:GetObject")
    with pytest.raises(CloudError, match=r"read service\.tfstate in the state bucket"):
        state.functions(made.run)


def recorded(tmp_path, **changes):
    """The resources of a state with one function, of which some fields are changed."""
    made = world(tmp_path)
    document = json.loads(state_document(URI))
    document["resources"][0] |= changes
    made.aws.s3.objects["service.tfstate"] = json.dumps(document)
    return state.service(made.run).resources


def instance(name, **more):
    return {"schema_version": 0, "attributes": {"function_name": name, "image_uri": URI}, **more}


def test_a_function_is_read_with_its_address_and_the_image_that_terraform_recorded(tmp_path):
    assert recorded(tmp_path) == {"fn": FunctionResource(ADDRESS, URI)}


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"module": None}, "aws_lambda_function.this"),
        ({"module": "module.a.module.b"}, "module.a.module.b.aws_lambda_function.this"),
        ({"module": 'module.sse["a"]'}, 'module.sse["a"].aws_lambda_function.this'),
        ({"instances": [instance("fn", index_key=0)]}, f"{ADDRESS}[0]"),
        ({"instances": [instance("fn", index_key="x")]}, f'{ADDRESS}["x"]'),
    ],
    ids=["root", "nested", "for_each of a module", "count", "for_each"],
)
def test_an_address_is_the_one_that_terraform_prints(tmp_path, changes, address):
    assert recorded(tmp_path, **changes)["fn"].address == address


def test_each_instance_of_a_resource_is_a_function(tmp_path):
    instances = [instance(name, index_key=name) for name in ("a", "b")]
    found = recorded(tmp_path, instances=instances)
    assert {name: each.address for name, each in found.items()} == {"a": f'{ADDRESS}["a"]', "b": f'{ADDRESS}["b"]'}


@pytest.mark.parametrize("changes", [{"mode": "data"}, {"type": "aws_lambda_alias"}, {"instances": []}])
def test_what_is_no_function_of_ours_is_not_read(tmp_path, changes):
    assert recorded(tmp_path, **changes) == {}


def test_a_function_of_a_zip_file_has_no_image(tmp_path):
    instances = [{"schema_version": 0, "attributes": {"function_name": "fn"}}]
    assert recorded(tmp_path, instances=instances) == {"fn": FunctionResource(ADDRESS, "")}


ARN = "arn:aws:lambda:us-east-1:000000000000:function:fn"
INVOKE = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations"
NOW = Unpublished(FUNCTION, PUSHED, "r", code=Code(DIGEST, 7, "2026-11-28T02:33:18.312+0000"))


def with_attributes(**more):
    """A state whose function has more attributes."""
    document = json.loads(state_document(OLD_URI))
    document["resources"][0]["instances"][0]["attributes"].update(more)
    return document


def attributes(document):
    return document["resources"][0]["instances"][0]["attributes"]


def test_a_function_that_lambda_gave_an_image_has_all_that_the_provider_reads_of_it():
    more = {"arn": ARN, "invoke_arn": INVOKE.format(ARN), "code_sha256": "old", "source_code_size": 1}
    more |= {"last_modified": "2026-01-01", "memory_size": 256, "version": "1", "qualified_arn": f"{ARN}:1"}
    before = with_attributes(**more, qualified_invoke_arn=INVOKE.format(f"{ARN}:1"))
    after = state.with_images(before, [(NOW, "2")])
    changed = {name: value for name, value in attributes(after).items() if value != attributes(before)[name]}
    assert changed == {
        "image_uri": URI,
        "code_sha256": DIGEST,
        "last_modified": NOW.code.modified,
        "source_code_size": 7,
        "version": "2",
        "qualified_arn": f"{ARN}:2",
        "qualified_invoke_arn": INVOKE.format(f"{ARN}:2"),
    }
    assert (before["serial"], after["serial"]) == (1, 2)
    assert {**after, "serial": 1, "resources": ()} == {**before, "resources": ()}


def test_an_attribute_that_the_provider_does_not_know_is_not_added():
    after = state.with_images(with_attributes(), [(NOW, "2")])
    assert attributes(after) == {"function_name": "fn", "image_uri": URI}


def test_a_state_that_has_the_images_keeps_its_serial():
    before = with_attributes(image_uri=URI)
    assert state.with_images(before, [(NOW, "")]) == before


@pytest.mark.parametrize(
    ("document", "functions"),
    [
        pytest.param(with_attributes(), [], id="no function got an image"),
        pytest.param(with_attributes(), [(replace(NOW, image=None), "2")], id="it was given a tag meanwhile"),
        pytest.param(with_attributes(function_name="other"), [(NOW, "2")], id="another function"),
        pytest.param({}, [(NOW, "2")], id="no state"),
    ],
)
def test_every_other_function_stays_as_it_was_recorded(document, functions):
    assert state.with_images(document, functions) == document


def test_a_state_whose_function_has_no_name_is_reported():
    before = with_attributes()
    del attributes(before)["function_name"]
    with pytest.raises(TerraformError, match="The state of service cannot be read"):
        state.with_images(before, [(NOW, "2")])
