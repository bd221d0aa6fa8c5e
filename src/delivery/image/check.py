"""The rules of Lambda for an image: manifest, layers, size, platform, program.

https://docs.aws.amazon.com/lambda/latest/dg/images-create.html, "Requirements".
"""

from delivery.aws.distribution import MANIFEST_TYPES, Login
from delivery.aws.session import Aws
from delivery.errors import BuildError
from delivery.image import inspect
from delivery.image.inspect import InspectedImage
from delivery.reference import PushedImage

# Lambda refuses unknown "layer media types", without a list of the known ones. docker and buildx make these by default.
LAYER_TYPES = (
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar",
)
LARGEST = 10 * 1024**3  # bytes, ibid.: "maximum uncompressed image size of 10 GB, including all layers"
LARGEST_MANIFEST = 25_400  # bytes, ibid.
_DOCKERFILE = "correct the Dockerfile, then run the same command again"


def require(image: InspectedImage, platform: str) -> None:
    """Raises BuildError for the first rule that the image breaks."""
    _require_manifest(image)
    _require_size(image)
    actual = f"{image.config.get('os')}/{image.config.get('architecture')}"
    if actual != platform:
        why = f"build.platform in invoke.yaml is {platform}."
        raise BuildError(f"{image.name} was built for {actual}.", why, "correct build.platform, deploy again")
    settings = image.config.get("config") or {}  # OCI image configuration: optional, and so is each key
    if not settings.get("Entrypoint") and not settings.get("Cmd"):
        why = "Lambda starts the image's own program: ENTRYPOINT, CMD, or both."
        raise BuildError(f"{image.name} names no program to start.", why, _DOCKERFILE)


def runs_as_root(image: InspectedImage) -> bool:
    """Whether the image names root as its user, here and in every test; Lambda runs it as another one.

    Without a user, which is no mistake, Lambda chooses: "Lambda defines a default Linux user with least-privileged
    permissions": https://docs.aws.amazon.com/lambda/latest/dg/images-create.html.
    """
    user = str((image.config.get("config") or {}).get("User") or "").partition(":")[0]
    return user in ("0", "root")


def require_pushed(aws: Aws, image: PushedImage, platform: str, access: Login) -> InspectedImage:
    """Check an image that was pushed earlier, and return it.

    Raises BuildError or CloudError.
    """
    inspected = inspect.pushed(aws, image, access)
    require(inspected, platform)
    return inspected


def _require_manifest(image: InspectedImage) -> None:
    document = image.document
    media_type = document.get("mediaType") or ("manifest" if "config" in document else "index")
    if media_type not in (*MANIFEST_TYPES, "manifest"):
        why = "Lambda accepts a single manifest: no index, no attestations."
        raise BuildError(
            f"{image.name} is a {media_type}.", why, "keep provenance and sbom disabled in docker-bake.hcl"
        )
    if len(image.manifest) >= LARGEST_MANIFEST:
        raise BuildError(
            f"{image.name} has a manifest of {len(image.manifest):,} bytes, {len(document['layers'])} layers.",
            f"Lambda accepts less than {LARGEST_MANIFEST:,}.",
            "fewer layers: one RUN or COPY for several, and no annotations",
        )
    for layer in document["layers"]:
        if (kind := layer.get("mediaType", LAYER_TYPES[0])) not in LAYER_TYPES:
            why = "Lambda refuses unknown layer media types; it accepts gzip."
            raise BuildError(f"{image.name} has a layer of type {kind}.", why, "compression=gzip in docker-bake.hcl")


def _require_size(image: InspectedImage) -> None:
    compressed = sum(layer["size"] for layer in image.document["layers"])
    size, kind = max((image.uncompressed, "layers"), (compressed, "compressed layers"))
    if size > LARGEST:
        raise BuildError(
            f"{image.name} has {size / 1024**3:.1f} GiB of {kind}.",
            "Lambda accepts at most 10 GB, uncompressed.",
            "remove what the function does not need from the Dockerfile",
        )
