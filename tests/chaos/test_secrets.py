"""A whole first deploy with marked secrets: none of them is anywhere but where it has to be."""

import base64

import pytest
from support.chaos.place import FUNCTION, KEYS, PASSWORD, REPOSITORY

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": KEYS["AWS_SECRET_ACCESS_KEY"],
    "AWS_SESSION_TOKEN": KEYS["AWS_SESSION_TOKEN"],
    "the registry's password": PASSWORD,
}
LARGEST = 5_000_000  # bytes: only images, layers and packages are larger


def forms(secret):
    """As it is, and as `docker login` and HTTP would write it."""
    return {secret.encode(), base64.b64encode(f"AWS:{secret}".encode()), base64.b64encode(secret.encode())}


def on_disk(root):
    """Every file of the clone with what the tasks and the sandbox wrote into it; not the engine's own data."""
    for path in root.rglob("*"):
        skipped = {".git", "engine", "cache"} & set(path.relative_to(root).parts)
        if not skipped and not path.is_symlink() and path.is_file() and path.stat().st_size < LARGEST:
            yield str(path), path.read_bytes()


@pytest.fixture(scope="module")
def places(watched):
    """Each place where a secret could lie, by name, with the bytes found in it."""
    place = watched.place
    functions, ecr = place.client("lambda"), place.client("ecr")
    image = ecr.batch_get_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": "latest"}])["images"][0]
    searched = {
        "everything printed, with --debug": [watched.outcome.text],
        "the arguments of every process": watched.watch.command_lines,
        "the function's environment and description": [functions.get_function_configuration(FunctionName=FUNCTION)],
        "the image's manifest": [image["imageManifest"]],
        "the state bucket: states and locks": place.objects().values(),
        "the clone: .deploy, Terraform's data, logs of the sandbox": [text for _, text in on_disk(place.clone.root)],
        "HOME: ~/.docker, ~/.aws, ~/.terraform.d; the job's summary and outputs": watched.files.values(),
    }
    return {
        name: [item if isinstance(item, bytes) else str(item).encode() for item in result]
        for name, result in searched.items()
    }


def test_no_secret_is_in_a_place_that_others_can_read(watched, places, table):
    assert watched.outcome.code == 0, watched.outcome.text
    for where, result in places.items():
        for name, secret in SECRETS.items():
            for text in result:
                for form in forms(secret):
                    assert form not in text, f"{name} in {where}: {text[max(0, text.find(form) - 200) :][:400]!r}"
    sizes = {where: sum(map(len, result)) for where, result in places.items()}
    table += ["", "Secrets: places searched", *(f"  {size:>10,} bytes  {where}" for where, size in sizes.items())]
    assert sizes["the arguments of every process"] > 0
    assert watched.watch.samples > 50
    assert all(watched.watch.ran(tool) for tool in ("terraform", "docker", "docker-buildx")), "nothing was watched"


def test_git_and_docker_are_not_given_the_credentials_of_aws(watched):
    runs = watched.environments.split("## ")[1:]
    ran = {" ".join(run.split("\n")[0].rsplit("/", 1)[-1].split()[:2]) for run in runs}
    assert {"git log", "git -c", "docker version", "docker login", "docker buildx"} <= ran
    for run in runs:
        assert "\nNO_COLOR=1\n" in run, "the environment is really that of the task"
        for name, secret in SECRETS.items():
            assert secret not in run, f"{name} in the environment of {run.splitlines()[0]}"


def test_what_is_left_of_a_run_is_no_plan_and_no_login(watched):
    left = [path.name for path in (watched.place.clone.root / ".deploy").rglob("*") if path.is_file()]
    assert "terraform.tfstate" in left, "Terraform's note of its backend"
    assert not [name for name in left if name.endswith((".tfplan", "config.json", ".tfvars.json"))]
    assert watched.place.scratches() == []
