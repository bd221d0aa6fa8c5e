"""The emulator's answers about images, versions and functions."""

import pytest
from botocore.exceptions import ClientError
from support.local_cloud import REPOSITORY, Function, LocalCloud, create, opened

from sandbox import processes


def test_a_missing_image_is_the_error_of_ecr(local: LocalCloud) -> None:
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        local.aws("ecr").describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "none"}])


def test_a_pushed_image_is_described_with_its_digest_tag_and_size(local: LocalCloud) -> None:
    answer = local.aws("ecr").describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "1"}])
    detail = answer["imageDetails"][0]
    assert local.image.endswith(detail["imageDigest"])
    assert detail["imageSizeInBytes"] > 10_000_000


def test_publish_version_without_a_change_makes_no_version(local: LocalCloud) -> None:
    create(local, "published")
    api = local.aws("lambda")
    again = api.publish_version(FunctionName="published")
    assert (again["Version"], again["CodeSha256"]) == ("1", local.image.rpartition(":")[2])
    other = local.image.rpartition("@")[0] + "@sha256:" + "0" * 64
    api.update_function_code(FunctionName="published", ImageUri=other)
    assert api.publish_version(FunctionName="published")["Version"] == "2"
    arns = [version["FunctionArn"] for version in api.list_versions_by_function(FunctionName="published")["Versions"]]
    assert [arn.rpartition(":")[2] for arn in arns] == ["published", "1", "2"]


def test_a_version_keeps_its_own_description_and_another_description_is_no_change(local: LocalCloud) -> None:
    create(local, "described")
    api = local.aws("lambda")
    api.update_function_configuration(FunctionName="described", MemorySize=256)
    first = api.publish_version(FunctionName="described", Description="commit a")
    again = api.publish_version(FunctionName="described", Description="commit b")
    assert [(each["Version"], each["Description"]) for each in (first, again)] == [("2", "commit a")] * 2
    answer = api.get_function(FunctionName="described", Qualifier="2")
    assert answer["Configuration"]["Description"] == "commit a"
    assert answer["Code"]["ResolvedImageUri"] == local.image
    assert api.get_function(FunctionName="described")["Configuration"]["Description"] == "", "that of the function"


def test_a_change_that_names_an_old_revision_is_refused(local: LocalCloud) -> None:
    create(local, "guarded")
    api = local.aws("lambda")
    revision = api.get_function(FunctionName="guarded")["Configuration"]["RevisionId"]
    old = {"FunctionName": "guarded", "RevisionId": revision}
    api.update_function_configuration(FunctionName="guarded", MemorySize=256)
    for change in (lambda: api.update_function_code(ImageUri=local.image, **old), lambda: api.publish_version(**old)):
        with pytest.raises(ClientError, match="PreconditionFailedException"):
            change()
    assert api.publish_version(FunctionName="guarded")["Version"] == "2"


def test_every_answer_with_a_url_gives_the_address_that_works(local: LocalCloud, function: Function) -> None:
    api = local.aws("lambda")
    named = {"FunctionName": function.name}
    urls = {
        function.url,
        api.get_function_url_config(**named, Qualifier="live")["FunctionUrl"],
        api.list_function_url_configs(**named)["FunctionUrlConfigs"][0]["FunctionUrl"],
    }
    assert len(urls) == 1
    assert function.url.startswith(f"{local.cloud.endpoint}/")


def test_the_output_of_a_function_is_in_its_log_group(local: LocalCloud, public: Function) -> None:
    with opened(f"{public.url}quick") as answer:
        answer.read()

    def logged() -> bool:
        answer = local.aws("logs").filter_log_events(logGroupName=f"/aws/lambda/{public.name}")
        return any("asked for /quick" in event["message"] for event in answer["events"])

    assert processes.wait_until(logged, 20)
