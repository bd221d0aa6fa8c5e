"""Finds images that a Dockerfile names without a digest. Usage: lint_dockerfiles.py FILE...

A tag moves: without a digest, one commit may give two images, and nobody sees when the base changes. hadolint has no
such rule. Dependabot proposes new digests for a literal reference, and none for one in an ARG.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from delivery.image import dockerfile


def findings(name: str) -> Iterator[str]:
    """Each image in a file that has no digest, with the command that shows it."""
    for image in dockerfile.images(Path(name).read_text(encoding="utf-8")).all:
        if not image.digest:
            command = f"docker buildx imagetools inspect {image.name} --format '{{{{.Manifest.Digest}}}}'"
            yield f"{name}: {image.name} has no digest\n  try: {command}, and write {image.name}@sha256:..."


if __name__ == "__main__":
    found = [line for name in sys.argv[1:] for line in findings(name)]
    sys.exit(("\n".join(found) or None) if sys.argv[1:] else __doc__)  # None: 0; a text: 1
