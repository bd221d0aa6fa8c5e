"""Image references: an image that will be built, and an image that was pushed. Only the second can be deployed."""

import re
from dataclasses import dataclass

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")  # OCI image spec, "Digests"; Lambda accepts this algorithm only


def repository_name(repository: str) -> str:
    """A repository without the host of its registry, as the ECR API names it."""
    return repository.partition("/")[2]


def short_digest(digest: str) -> str:
    """A digest for people: `sha256:` and twelve digits."""
    return digest[:19]


@dataclass(frozen=True)
class Image:
    """An image that will be built: a bake target, and the repository that it goes to."""

    name: str
    repository: str

    @property
    def repository_name(self) -> str:
        """The repository without the host of its registry."""
        return repository_name(self.repository)


@dataclass(frozen=True)
class PushedImage:
    """An image in a repository, named by its digest. Raises ValueError for anything but a sha256 digest."""

    name: str
    repository: str
    digest: str

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.digest):
            raise ValueError(f"not a digest: {self.digest!r}")

    @classmethod
    def parse(cls, name: str, uri: str) -> "PushedImage":
        """The image in `repository@sha256:...`. Raises ValueError for a reference without a digest."""
        repository, _, digest = uri.partition("@")
        return cls(name, repository, digest)

    @property
    def uri(self) -> str:
        """`repository@sha256:...`, the only form that Terraform gets."""
        return f"{self.repository}@{self.digest}"

    @property
    def repository_name(self) -> str:
        """The repository without the host of its registry."""
        return repository_name(self.repository)

    @property
    def short_digest(self) -> str:
        """The digest for people."""
        return short_digest(self.digest)
