"""The cache of GitHub Actions, for real: BuildKit against the server that act brings."""

import re
import subprocess

from pipeline import ACCOUNTS
from test_failures import QUICK

REPOSITORY = "preprod-sse-streaming-lambda"
BUILD = ("push", "--job", "build-sse-image-preprod")


def built_from_nothing(pipeline, **more):
    """The build job, with nothing of the image left in the engine nor in the registry."""
    ecr = pipeline.clone.client("ecr", ACCOUNTS["preprod"])
    held = ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"]
    ids = [{"imageDigest": image["imageDigest"]} for image in held]
    if ids:
        ecr.batch_delete_image(repositoryName=REPOSITORY, imageIds=ids)
    prune = ["docker", "buildx", "prune", "--all", "--force"]
    subprocess.run(prune, env=pipeline.environ(), check=True, capture_output=True)
    run = pipeline.run(*BUILD, variables={"BUILD_CACHE": "gha"}, **QUICK, **more)
    assert run.code == 0, run.text
    said = run.said["build-sse-image-preprod"]
    return re.search(r"set-output:: digest=(\S+)", said)[1], int(re.search(r"9 steps, (\d) cached", said)[1])


def test_a_build_from_the_cache_of_github_actions_is_the_same_image_with_its_layers_reused(pipeline):
    first, cached = built_from_nothing(pipeline)
    assert cached == 0
    again, cached = built_from_nothing(pipeline)
    assert again == first
    assert cached >= 7, cached  # BuildKit's word for each step; the last ones may be layer downloads instead
