"""The base image that the sandbox makes has what ordinary Dockerfiles use."""

import pytest
from support.image_project import ROOT

from delivery.image import network
from delivery.process.shell import Command

DOCKERFILE = """\
FROM python:3.13-slim
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \\
    apt-get update && apt-get install --yes --no-install-recommends curl libxml2 \\
    && rm -rf /var/lib/apt/lists/* && curl --version && dpkg --audit
RUN adduser --system --group worker && useradd --create-home --shell /bin/bash person \\
    && groupadd team && usermod --append --groups team person && id worker && su person -c 'id && echo "in $HOME"'
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN find /etc -name 'debian*' | sort | awk '{print "found", $1}' | gzip | gunzip && tar --version && hostname
"""


@pytest.fixture
def base(shell):
    """The base image's name in the engine; the test is for one that was made here."""
    history = ("docker", "image", "history", "--no-trunc", "--format", "{{.CreatedBy}}", "python:3.13-slim")
    if "made from Debian packages" not in shell.run(Command(history)).stdout:
        pytest.skip("a registry answers here, so no base image is made")
    return "python:3.13-slim"


@pytest.mark.usefixtures("base")
def test_apt_get_and_adduser_work_in_a_base_image_that_was_made_here(shell, tmp_path):
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    around = network.inherited(shell.variables)
    secret = ("--secret", f"id=ca,src={around.certificates}") if around.certificates else ()
    proxies = (option for name, value in around.proxies.items() for option in ("--build-arg", f"{name}={value}"))
    options = ("--no-cache", "--progress", "plain", "--network", around.mode, *secret, *proxies)
    built = shell.run(Command(("docker", "buildx", "build", *options, str(tmp_path)), cwd=ROOT))
    assert built.code == 0, built.stderr
    for line in ("uid=1000(person)", "in /home/person", "found /etc/debian_version", "(worker)"):
        assert line in built.stderr, built.stderr
    for complaint in ("warning: files list file", "No sandbox user", "not fully installed"):
        assert complaint not in built.stderr, built.stderr
