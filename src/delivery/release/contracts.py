"""The health contract of a version: that of its image, so that an old version is verified by its own."""

from delivery import health
from delivery.aws import ecr
from delivery.aws.function import Version
from delivery.aws.session import Aws
from delivery.errors import ConfigurationError, UnhealthyError
from delivery.health import Contract


def read(aws: Aws, version: Version) -> Contract:
    """The contract in the label of a version's image. An image without the label has that of the first function.

    Raises UnhealthyError for a malformed label, BuildError when the registry no longer has the image, or CloudError.
    """
    settings = ecr.config(aws, version.pushed_image).get("config") or {}  # OCI image configuration: optional
    text = (settings.get("Labels") or {}).get(health.LABEL)
    if text is None:
        return health.UNLABELLED
    try:
        return health.parse(text)
    except ConfigurationError as error:
        what = f"Version {version.version} of {version.name} cannot be verified: {error.what}"
        raise UnhealthyError(what, error.why, f"correct docker-bake.hcl, then deploy again: {error.hint}") from error
