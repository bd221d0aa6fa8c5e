"""What the steps of a build need on a person's network: proxies, a private index of packages, a private CA."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Docker gives these to RUN steps and keeps them out of the image, of its history and of the key of the build cache:
# https://docs.docker.com/build/building/variables/#proxy-arguments
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY")
# https://pip.pypa.io/en/stable/topics/configuration/#environment-variables
_PIP = ("INDEX_URL", "EXTRA_INDEX_URL", "TRUSTED_HOST")
# pip reads the first ones, OpenSSL SSL_CERT_FILE, and the AWS SDKs the last one. A file that is not there is skipped.
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE")


@dataclass(frozen=True)
class Network:
    """The network of RUN steps. `mode`: `default` or `host`; `certificates`: a file of CA certificates, or "".

    `proxies`: predefined build arguments; `pip`: the content of a pip.conf, or "". Both may hold passwords.
    """

    mode: str = "default"
    certificates: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    pip: str = field(default="", repr=False)


def inherited(variables: Mapping[str, str], *, proxied: bool = False) -> Network:
    """The network that the variables of the tools describe: BUILD_NETWORK, CA_BUNDLE, and those of pip and curl.

    `proxied`: docker's own settings name the proxies of containers, so the exported ones are for this machine only.
    """
    return Network(
        mode=variables.get("BUILD_NETWORK") or "default",
        certificates=variables.get("CA_BUNDLE") or _certificates(variables),
        proxies={} if proxied else _proxies(variables),
        pip=_pip_settings(variables),
    )


def _proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """Each variable in capitals and in small letters, as docker gives them: curl reads `http_proxy` only."""
    found = {name: _either(variables, name) for name in _PROXIES}
    if not any(found.values()):
        return {}
    found["NO_PROXY"] = _either(variables, "NO_PROXY")
    return {each: value for name, value in found.items() if value for each in (name, name.lower())}


def _either(variables: Mapping[str, str], name: str) -> str:
    return variables.get(name.lower()) or variables.get(name) or ""


def _pip_settings(variables: Mapping[str, str]) -> str:
    values = {name: variables.get(f"PIP_{name}", "").split() for name in _PIP}
    lines = [f"{name.lower().replace('_', '-')} = {' '.join(each)}" for name, each in values.items() if each]
    return "\n".join(["[global]", *lines, ""]) if lines else ""


def _certificates(variables: Mapping[str, str]) -> str:
    files = (variables.get(name, "") for name in _CERTIFICATES)
    return next((file for file in files if file and Path(file).is_file()), "")
