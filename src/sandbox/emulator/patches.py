"""What the emulator leaves out and a deploy stumbles over, each mended by replacing one of its functions.

Every mend has a test that looks at the unmended emulator and fails once upstream has closed the gap:
then the mend is deleted. Read in the source of MiniStack 1.5.33.
"""

import base64
import contextlib
import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from xml.sax.saxutils import escape, unescape

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body, as the emulator's handlers return them."""


@dataclass(frozen=True)
class Mend:
    """One function of the emulator and what takes its place."""

    service: str
    function: str
    wrap: Callable[[ModuleType, Callable[..., Any]], Callable[..., Any]]

    @property
    def module(self) -> ModuleType:
        """The service's module; importing it reads the emulator's settings from the environment."""
        return importlib.import_module(f"ministack.services.{self.service}")

    def apply(self) -> None:
        """Put the mended function where the emulator looks it up at every request."""
        module = self.module
        setattr(module, self.function, self.wrap(module, getattr(module, self.function)))


def alarms_in_full(cloudwatch: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """DescribeAlarms in XML leaves out period, dimensions …: Terraform would replan every alarm."""

    def in_full(listed: re.Match[str]) -> str:
        names = map(unescape, re.findall("<AlarmName>([^<]*)", listed[0]))
        alarms = (cloudwatch._alarms[name] for name in names)
        # One or the other; upstream fills in the plain one beside the percentile that was asked for.
        shown = ({**alarm, "Statistic": None} if alarm.get("ExtendedStatistic") else alarm for alarm in alarms)
        return "".join(f"<member>{_xml(alarm)}</member>" for alarm in shown)

    def describe(params: Any, cbor: Any, is_cbor: bool, is_json: bool = False) -> Answer:
        status, headers, body = upstream(params, cbor, is_cbor, is_json)
        if is_cbor or is_json or status != 200:
            return status, headers, body
        text = re.sub(r"(?<=<MetricAlarms>).*(?=</MetricAlarms>)", in_full, body.decode(), flags=re.DOTALL)
        return status, headers, text.encode()

    return describe


def _xml(members: Mapping[str, Any]) -> str:
    """An alarm as AWS's Query protocol writes it; without its times, which nobody plans by."""
    return "".join(
        f"<{name}>{_xml_value(value)}</{name}>"
        for name, value in members.items()
        if value not in (None, "") and not name.endswith("Timestamp")
    )


def _xml_value(value: Any) -> str:
    if isinstance(value, list):
        return "".join(f"<member>{_xml_value(item)}</member>" for item in value)
    if isinstance(value, dict):
        return _xml(value)
    return str(value).lower() if isinstance(value, bool) else escape(str(value))


def login_at(endpoint: str) -> Callable[[ModuleType, Callable[..., Answer]], Callable[..., Answer]]:
    """GetAuthorizationToken names a registry on amazonaws.com; the one to log in to is this endpoint.

    The password is the account's, as ECR's is: see `registries_apart`.
    """

    def wrap(ecr: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
        def token(data: Any) -> Answer:
            def here(document: Any) -> None:
                for entry in document["authorizationData"]:
                    entry["proxyEndpoint"] = endpoint
                    password = f"AWS:{ecr.get_account_id()}-token"
                    entry["authorizationToken"] = base64.b64encode(password.encode()).decode()

            return rewritten(upstream(data), here)

        return token

    return wrap


def registries_apart(ecr: ModuleType, upstream: Callable[..., None]) -> Callable[..., None]:
    """Registry requests carry no signature, and upstream takes each for the default account's.

    ECR knows the account by the password. An engine sends none where it was not asked for one: then the repository's
    name has to say whose it is, and does where only one account has it.
    """

    def select(name: str | None, headers: Mapping[str, str], query: Any) -> None:
        upstream(name, headers, query)
        if account := _account(headers.get("authorization", "")):
            ecr.set_request_account_id(account)
        elif name not in ecr._repositories:
            owners = [(who, where) for (who, where, held), _ in ecr._repositories.all_items() if held == name]
            if len(owners) == 1:
                ecr.set_request_account_id(owners[0][0])
                ecr.set_request_region(owners[0][1])

    return select


def _account(authorization: str) -> str:
    """The account whose password this is; nothing for any other."""
    kind, _, credentials = authorization.partition(" ")
    if kind.lower() != "basic":
        return ""
    with contextlib.suppress(ValueError):
        found = re.fullmatch(r"AWS:(\d{12})-token", base64.b64decode(credentials).decode())
        return found[1] if found else ""
    return ""


def missing_images_named(ecr: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """DescribeImages answers an image that is not there with an empty list; ECR with ImageNotFoundException.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html
    """

    def describe(data: Any) -> Answer:
        name = data.get("repositoryName", "")
        for wanted in data.get("imageIds") or [] if name in ecr._repositories else []:
            if ecr._find_image(name, wanted) is None:
                shown = ", ".join(f"{key}:'{value}'" for key, value in sorted(wanted.items()))
                message = f"The image with imageId {{{shown}}} does not exist within the repository '{name}'"
                return refused(400, "ImageNotFoundException", message)
        return upstream(data)

    return describe


def image_sizes_of_layers(ecr: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """DescribeImages gives the manifest's size as the image's; ECR gives that of the compressed layers."""

    def describe(data: Any) -> Answer:
        def measured(document: Any) -> None:
            for detail in document["imageDetails"]:
                image = ecr._find_image(data["repositoryName"], {"imageDigest": detail["imageDigest"]})
                layers = json.loads(image.get("imageManifest") or "{}").get("layers", [])
                if layers:
                    detail["imageSizeInBytes"] = sum(layer["size"] for layer in layers)

        return rewritten(upstream(data), measured)

    return describe


def rewritten(answer: Answer, change: Callable[[Any], None]) -> Answer:
    """A successful JSON answer after `change` had its document; a failure as it is."""
    status, headers, body = answer
    if status >= 300:
        return answer
    document = json.loads(body)
    change(document)
    return status, headers, json.dumps(document).encode()


def refused(status: int, kind: str, message: str) -> Answer:
    """An error as AWS's JSON protocols write it; SDKs read the type from the header or from the body."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": kind}
    return status, headers, json.dumps({"__type": kind, "message": message}).encode()


def mends(endpoint: str) -> tuple[Mend, ...]:
    """The mends of alarms and of the registry, for an emulator at `endpoint` (http://host:port)."""
    return (
        Mend("cloudwatch", "_describe_alarms", alarms_in_full),
        Mend("ecr", "_get_authorization_token", login_at(endpoint)),
        Mend("ecr", "_select_registry_request_scope", registries_apart),
        Mend("ecr", "_describe_images", image_sizes_of_layers),
        Mend("ecr", "_describe_images", missing_images_named),
    )
