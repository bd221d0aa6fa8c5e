"""A copy of the function's image sources, which a test can change, build, check and start."""

import shutil
from pathlib import Path

from delivery.image import bake, check, inspect, network, start_check
from delivery.process.shell import Command
from support.world import ENVIRONMENT

ROOT = Path(__file__).parents[2]
PLATFORM = "linux/amd64"
NAME = "sse-streaming"
SOURCES = "src/lambdas/sse_streaming"


class ImageProject:
    """A folder with docker-bake.hcl and the sources of one image, at a commit that the test names."""

    def __init__(self, root, shell, commit="a-commit"):
        self.root, self.shell, self.commit = root, shell, commit
        shutil.copytree(ROOT / SOURCES, root / SOURCES, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(ROOT / "docker-bake.hcl", root)
        self.dockerfile = root / SOURCES / "Dockerfile"
        self.app = root / SOURCES / "app.py"
        self.main = root / SOURCES / "__main__.py"
        self.bake_file = root / "docker-bake.hcl"

    @property
    def image(self):
        """The reference of the built image in the local engine."""
        return f"{NAME}:{self.commit}"

    def build(self, output="load"):
        """Build the image; return its digest. `output` is a value of OUTPUT in docker-bake.hcl."""
        variables = {
            "ENVIRONMENT": "local",
            "COMMIT": self.commit,
            "CACHE": "none",
            "BUILD_CONTEXTS": self.shell.variables.get("BUILD_CONTEXTS", ""),
            "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
        }
        around = network.inherited(self.shell.variables)
        one_bake = bake.Bake((NAME,), ENVIRONMENT, variables, self.root, output, around)
        return bake.build(one_bake, self.root, self.shell, print).digests[NAME]

    def check(self):
        """Build the image and check it by Lambda's rules; return the inspected image."""
        digest = self.build("layout")
        inspected = inspect.layout(NAME, self.root / NAME, digest)
        check.require(inspected, PLATFORM)
        return inspected

    def start_check(self, seconds=start_check.DEADLINE):
        """Build and check the image, then start it as a deploy does; return the text that reports its answer."""
        self.check()
        self.build("load")
        settings = start_check.settings(self.image, self.shell)
        start = start_check.StartCheck(self.image, settings, PLATFORM, lambda: self.build("load"))
        program = start_check.emulator(ROOT / ".cache", PLATFORM, self.shell)
        return start_check.run_check(start, program, self.shell, self.root, seconds)

    def start_check_containers(self):
        """Return the ids of the containers of start checks that still exist."""
        listing = self.shell.run(Command(("docker", "ps", "--all", "--quiet", "--filter", "name=start-check-")))
        assert listing.code == 0
        return listing.stdout.split()


def edit(file, old, new):
    """Replace the only occurrence of `old` in a file."""
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name} contains {old!r} {text.count(old)} times"
    file.write_text(text.replace(old, new))
