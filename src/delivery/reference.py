"""What we intend to publish, and what exists: two types, so that a tag can never be deployed."""

import re
from dataclasses import dataclass

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")  # OCI image spec, "Digests", with Lambda's one algorithm


@dataclass(frozen=True)
class Image:
    """An image we intend: a bake target, the repository it goes to and the tags it gets."""

    name: str
    repository: str
    tags: tuple[str, ...]

    @property
    def repository_name(self) -> str:
        """The repository without its registry host, as the ECR API wants it."""
        return self.repository.partition("/")[2]


@dataclass(frozen=True)
class PushedImage:
    """An image that exists in a repository, named by its digest.

    Raises ValueError for anything that is not a sha256 digest.
    """

    name: str
    repository: str
    digest: str

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.digest):
            raise ValueError(f"not a digest: {self.digest!r}")

    @property
    def uri(self) -> str:
        """`repository@sha256:...`, the only form Terraform accepts."""
        return f"{self.repository}@{self.digest}"

    @property
    def repository_name(self) -> str:
        """The repository without its registry host, as the ECR API wants it."""
        return self.repository.partition("/")[2]

    @property
    def short(self) -> str:
        """The digest as people read it: `sha256:` and twelve digits."""
        return self.digest[:19]
