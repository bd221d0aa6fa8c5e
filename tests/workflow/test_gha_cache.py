"""BuildKit uses the build cache of GitHub Actions; the cache server of act plays GitHub's."""

import re
import subprocess

from support.workflow.pipeline import ACCOUNTS, NO_TESTS

REPOSITORY = "preprod-sse-streaming-lambda"
JOB = "build-sse-image-preprod"


def build_without_local_layers(pipeline):
    """Run the build job after all layers are gone from the engine and the registry.

    Returns the digest of the image and the number of steps that came from the cache.
    """
    ecr = pipeline.clone.client("ecr", ACCOUNTS["preprod"])
    images = ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"]
    digests = [{"imageDigest": image["imageDigest"]} for image in images]
    if digests:
        ecr.batch_delete_image(repositoryName=REPOSITORY, imageIds=digests)
    prune = ["docker", "buildx", "prune", "--all", "--force"]
    subprocess.run(prune, env=pipeline.environ(), check=True, capture_output=True)
    run = pipeline.run("push", "--job", JOB, variables={"BUILD_CACHE": "gha"}, **NO_TESTS)
    assert run.code == 0, run.text
    return run.outputs[JOB]["digest"], int(re.search(r"[89] steps, (\d) cached", run.logs[JOB])[1])


def test_a_build_from_the_cache_of_github_actions_makes_the_same_image_from_cached_layers(pipeline):
    first, cached = build_without_local_layers(pipeline)
    assert cached == 0
    second, cached = build_without_local_layers(pipeline)
    assert second == first
    assert cached >= 7, cached  # BuildKit shows the last steps as layer downloads, not as cached
