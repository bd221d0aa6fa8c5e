"""`adopted.tf` of a root module: the `import` blocks of what AWS had before Terraform, for each environment.

    locals { adopted = { "preprod" = ["orders-api function", ...] } }     what each environment adopts
    import { for_each = ..., to = module.orders_api..., id = ... }        one block for each of these resources

A resource can have only one block, so the block of all environments is one, and asks the list of its environment. A
block does nothing once the state contains the resource:
https://developer.hashicorp.com/terraform/language/block/import.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import ConfigurationError

FILE = "adopted.tf"
ALIAS = "live"
PROVIDER = "oidc-provider"
"""The entry of GitHub's OIDC provider in infrastructure/foundation."""
PROVIDER_ADDRESS = "module.ci_role[0].aws_iam_openid_connect_provider.github[0]"
_HEAD = """\
# Written by `invoke bootstrap --env ENVIRONMENT --adopt`: what AWS had before Terraform. A block does nothing once the
# state contains its resource; when that is so in all environments below, remove this file.
locals {
  adopted = {
"""
_HEAD_END = """\
  }
  adopts = try(local.adopted[var.environment], [])
}
"""
_BLOCK = """
import {{
  for_each = toset({condition} ? [var.environment] : [])
  to       = {to}
  id       = {id}
}}
"""
_LINE = re.compile(r'^    "([a-z0-9-]+)" *= (\[.*\])$', re.MULTILINE)


@dataclass(frozen=True)
class _Kind:
    """A resource of modules/image_function: its address there, and its import ID (registry.terraform.io, "Import")."""

    address: str
    identifier: str
    alone: bool = True
    """False: it is part of the configuration only if the function has a live version."""


KINDS: Mapping[str, _Kind] = {
    "function": _Kind("aws_lambda_function.this", "{name}"),
    "alias": _Kind("aws_lambda_alias.live[0]", f"{{name}}/{ALIAS}", alone=False),
    "url": _Kind("aws_lambda_function_url.live[0]", f"{{name}}/{ALIAS}", alone=False),
    "log-group": _Kind("aws_cloudwatch_log_group.this", "/aws/lambda/{name}"),
    "role": _Kind("aws_iam_role.this", "{name}"),
}
"""What a function may consist of before Terraform has it."""


def entry(image: str, kind: str) -> str:
    """How `adopted.tf` names a resource of a function; `kind`: a key of KINDS."""
    return f"{image} {kind}"


def address(kind: str, module: str) -> str:
    """The address of a resource of a function. `module`: such as module.orders_api."""
    return f"{module}.{KINDS[kind].address}"


def read(folder: Path) -> dict[str, tuple[str, ...]]:
    """Environment => its entries in `adopted.tf` of a root module; none without the file.

    Raises ConfigurationError for a file with another content.
    """
    file = folder / FILE
    if not file.exists():
        return {}
    text = file.read_text()
    found = {name: tuple(json.loads(entries)) for name, entries in _LINE.findall(text)}
    if not text.startswith(_HEAD.splitlines()[0]) or not found:
        what = f"infrastructure/{folder.name}/{FILE} is not the file that `invoke bootstrap --adopt` writes."
        raise ConfigurationError(what, "Nothing was written.", f"rename it: {FILE} is the name of that file")
    return found


def render(adopted: Mapping[str, tuple[str, ...]], modules: Mapping[str, str]) -> str:
    """The text of `adopted.tf`, in the form of `terraform fmt`.

    `adopted`: environment => entries. `modules`: image name => address of its module block. An entry of an image that
    has no block any more is left out, because Terraform refuses an import into nothing.
    """
    known = {entry(image, kind) for image in modules for kind in KINDS} | {PROVIDER}
    left = {name: sorted(known.intersection(entries)) for name, entries in sorted(adopted.items())}
    left = {name: entries for name, entries in left.items() if entries}
    width = max((len(name) for name in left), default=0) + 2
    quoted = {name: f'"{name}"'.ljust(width) for name in left}
    lines = "".join(f"    {quoted[name]} = {json.dumps(entries)}\n" for name, entries in left.items())
    every = sorted({each for entries in left.values() for each in entries})
    return _HEAD + lines + _HEAD_END + "".join(_blocks(every, modules))


def _blocks(entries: list[str], modules: Mapping[str, str]) -> Iterator[str]:
    for each in entries:
        condition = f'contains(local.adopts, "{each}")'
        if each == PROVIDER:
            issuer = "token.actions.githubusercontent.com"
            arn = f'"arn:${{data.aws_partition.current.partition}}:iam::${{var.account}}:oidc-provider/{issuer}"'
            yield _BLOCK.format(condition=condition, to=PROVIDER_ADDRESS, id=arn)
            continue
        image, _, kind = each.partition(" ")
        if not KINDS[kind].alone:
            condition += f' && contains(keys(var.live_versions), "{image}")'
        identifier = KINDS[kind].identifier.format(name=f"${{var.environment}}-{image}")
        yield _BLOCK.format(condition=condition, to=address(kind, modules[image]), id=f'"{identifier}"')
