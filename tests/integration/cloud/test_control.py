"""What the local cloud says about images, versions and functions."""

import pytest
from botocore.exceptions import ClientError
from cloud_place import REPOSITORY, Function, Place, create, opened

from sandbox import processes


def test_an_image_that_is_not_there_is_named_as_ecr_names_it(place: Place) -> None:
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        place.aws("ecr").describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "none"}])


def test_a_pushed_image_is_described_with_its_digest_tag_and_size(place: Place) -> None:
    found = place.aws("ecr").describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "1"}])
    detail = found["imageDetails"][0]
    assert place.image.endswith(detail["imageDigest"])
    assert detail["imageSizeInBytes"] > 10_000_000


def test_nothing_is_published_when_nothing_changed(place: Place) -> None:
    create(place, "published")
    api = place.aws("lambda")
    again = api.publish_version(FunctionName="published")
    assert (again["Version"], again["CodeSha256"]) == ("1", place.image.rpartition(":")[2])
    other = place.image.rpartition("@")[0] + "@sha256:" + "0" * 64
    api.update_function_code(FunctionName="published", ImageUri=other)
    assert api.publish_version(FunctionName="published")["Version"] == "2"
    arns = [version["FunctionArn"] for version in api.list_versions_by_function(FunctionName="published")["Versions"]]
    assert [arn.rpartition(":")[2] for arn in arns] == ["published", "1", "2"]


def test_every_answer_about_a_url_gives_the_address_that_works(place: Place, function: Function) -> None:
    api = place.aws("lambda")
    known = {"FunctionName": function.name}
    urls = {
        function.url,
        api.get_function_url_config(**known, Qualifier="live")["FunctionUrl"],
        api.list_function_url_configs(**known)["FunctionUrlConfigs"][0]["FunctionUrl"],
    }
    assert len(urls) == 1
    assert function.url.startswith(f"{place.cloud.endpoint}/")


def test_what_a_function_writes_is_found_in_its_log_group(place: Place, public: Function) -> None:
    with opened(f"{public.url}quick") as answer:
        answer.read()

    def logged() -> bool:
        found = place.aws("logs").filter_log_events(logGroupName=f"/aws/lambda/{public.name}")
        return any("asked for /quick" in event["message"] for event in found["events"])

    assert processes.wait_until(logged, 20)
