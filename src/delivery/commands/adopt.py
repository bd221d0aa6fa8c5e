"""`invoke bootstrap --adopt`: what AWS has already becomes a resource of Terraform, instead of an "already exists".

    names of the bake targets --> AWS: what exists? --> not in the state? --> import blocks in adopted.tf

Nothing in AWS is changed: `adopted.tf` is committed, and the next bootstrap and deploy adopt what it names. The
repositories need no block: every bootstrap adopts those that exist.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from delivery import github
from delivery.aws import existing, session
from delivery.commands import bootstrap, new
from delivery.context import RunContext
from delivery.errors import RefusedError
from delivery.image import bake
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.terraform import adoption, state

_ISSUER = "token.actions.githubusercontent.com"
_USES_EXISTING = re.compile(r"^\s*create_oidc_provider\s*=\s*false\b", re.MULTILINE)
# The module block, up to its argument `url`; `terraform fmt` indents an argument by two spaces.
_URL = r'^module "{}" \{{\n(?:  .*\n|\n)*?  url +=(?! *null\b)'

Addresses = frozenset[str]
"""The addresses of the resources that the states of the environment contain."""


class Outcome(Enum):
    """What becomes of something that exists."""

    BLOCK = "adopted.tf names it"
    BOOTSTRAP = "the next bootstrap adopts it without a block"
    REFUSED = "it cannot be adopted"
    LEFT = "it stays as it is"


@dataclass(frozen=True)
class Existing:
    """Something that exists, and what becomes of it. `text`: for BLOCK its entry, otherwise a line for people."""

    outcome: Outcome
    text: str


@dataclass(frozen=True)
class Adoption:
    """What `--adopt` has found. `files`: path in the project => content, without the files that are so already.

    `waiting`: the files that name something which no state contains, written now or before. `commands`: what to type,
    so that Terraform adopts it.
    """

    environment: str
    found: tuple[Existing, ...]
    files: Mapping[str, str]
    waiting: tuple[str, ...]
    commands: tuple[str, ...]

    def texts(self, outcome: Outcome) -> tuple[str, ...]:
        """The texts of what has this outcome."""
        return tuple(each.text for each in self.found if each.outcome is outcome)


def find(run: RunContext, names: tuple[str, ...]) -> Adoption:
    """Read what AWS has of what Terraform would make, and what the states lack of it; change nothing.

    `names`: those of the images. Raises ConfigurationError, RefusedError, TerraformError or CloudError.
    """
    modules = new.modules(run.settings.root)
    with run.progress.stage("adopt", interrupted=UNCHANGED) as stage:
        read = functools.partial(state.addresses, run)
        known = frozenset().union(*parallel.map(run.shell, read, (bootstrap.STACK, state.STACK)))
        readers: list[Callable[[], Iterator[Existing]]] = [functools.partial(_account, run, known)]
        readers += [functools.partial(_repository, run, known, name) for name in names]
        readers += [functools.partial(_function, run, known, name, modules.get(name, "")) for name in names]
        found = tuple(each for part in parallel.map(run.shell, lambda read: tuple(read()), readers) for each in part)
        made = _with_files(run, found, modules)
        count = len(made.texts(Outcome.BLOCK)) + len(made.texts(Outcome.BOOTSTRAP))
        stage.done(f"{count} to adopt" if count else "nothing to adopt")
    return made


def write(root: Path, adoption: Adoption) -> None:
    """Write the files, and nothing else. `root`: the project's folder."""
    for path, text in adoption.files.items():
        (root / path).write_text(text)


def require_all(adoption: Adoption) -> None:
    """Raises RefusedError if something exists that cannot be adopted."""
    if refused := adoption.texts(Outcome.REFUSED):
        what = f"AWS has something that Terraform cannot adopt: {len(refused)}."
        raise RefusedError(what, "\n".join(refused), "what each line says, then --adopt again")


def _with_files(run: RunContext, found: tuple[Existing, ...], modules: Mapping[str, str]) -> Adoption:
    name, files = run.settings.environment.name, {}
    blocks = frozenset(each.text for each in found if each.outcome is Outcome.BLOCK)
    mine = {bootstrap.STACK: blocks & {adoption.PROVIDER}, state.STACK: blocks - {adoption.PROVIDER}}
    for stack, entries in mine.items():
        folder = run.settings.root / "infrastructure" / stack
        before = adoption.read(folder)
        text = adoption.render({**before, name: tuple(entries)}, modules) if entries else ""
        files[f"infrastructure/{stack}/{adoption.FILE}"] = text
    waiting = tuple(path for path, text in files.items() if text)
    root = run.settings.root
    changed = {path: files[path] for path in waiting if not _has(root / path, files[path])}
    bootstraps = any(each.outcome is Outcome.BOOTSTRAP for each in found) or adoption.PROVIDER in blocks
    tasks = [task for task, typed in (("bootstrap", bootstraps), ("deploy", mine[state.STACK])) if typed]
    typed = [f"./dev {run.settings.environment.command(task)}" for task in tasks]
    if waiting:
        typed = [f"git add {' '.join(waiting)} && git commit --message 'Adopt what {name} has'", *typed]
    return Adoption(name, found, changed, waiting, tuple(typed))


def _has(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def _repository(run: RunContext, known: Addresses, image: str) -> Iterator[Existing]:
    if f'module.image_repository["{image}"].aws_ecr_repository.this' in known:
        return
    (made,) = bake.images(run.settings, (image,))
    kind = existing.encryption(run.aws, made.repository_name)
    if kind == "AES256":
        yield Existing(Outcome.BOOTSTRAP, f"repository {made.repository_name}")
    elif kind:
        why = f"The repository {made.repository_name} is encrypted with {kind}; ECR never changes that."
        hint = "Remove it with its images, or write that encryption into infrastructure/modules/image_repository."
        yield Existing(Outcome.REFUSED, f"{why} {hint}")


def _function(run: RunContext, known: Addresses, image: str, module: str) -> Iterator[Existing]:
    """What there is of a function. `module`: the address of its block; empty without one."""
    name = run.settings.environment.function(image)
    kinds = [kind for kind in adoption.KINDS if not module or adoption.address(kind, module) not in known]
    there = [kind for kind in kinds if _exists(run, kind, name)]
    if there and not module:
        yield Existing(Outcome.LEFT, f"The function {name} stays as it is: no module block runs {image}.")
        return
    refused = {kind: reason for kind in there if (reason := _refusal(run, kind, name))}
    for kind in there:
        if kind in refused:
            yield Existing(Outcome.REFUSED, refused[kind])
        elif kind == "url" and not _has_url(run, module):
            yield Existing(Outcome.LEFT, f"The URL of {name}:live stays as it is: the block {module} has no `url`.")
        elif adoption.KINDS[kind].alone or "function" not in refused:
            yield Existing(Outcome.BLOCK, adoption.entry(image, kind))


def _exists(run: RunContext, kind: str, name: str) -> bool:
    match kind:
        case "function":
            return bool(existing.package_type(run.aws, name))
        case "alias":
            return existing.has_alias(run.aws, name, adoption.ALIAS)
        case "url":
            return existing.has_url(run.aws, name, adoption.ALIAS)
        case "log-group":
            return existing.has_log_group(run.aws, f"/aws/lambda/{name}")
        case _:
            return bool(existing.role_path(run.aws, name))


def _refusal(run: RunContext, kind: str, name: str) -> str:
    """Why Terraform would replace it; empty if it would not."""
    if kind == "function" and existing.package_type(run.aws, name) != "Image":
        return f"The function {name} has the package type Zip; Lambda never changes that. Remove or rename it."
    if kind == "role" and (path := existing.role_path(run.aws, name)) != _path(run):
        return f"The role {name} has the path {path}, not {_path(run)}; IAM never changes that. Remove it."
    return ""


def _path(run: RunContext) -> str:
    """The path of functions' roles: infrastructure/modules/image_function."""
    return f"/functions/{run.settings.environment.name}/"


def _has_url(run: RunContext, module: str) -> bool:
    """Whether the block has a `url`: Terraform refuses to import a URL for which the configuration has no resource."""
    block = re.compile(_URL.format(re.escape(module.removeprefix("module."))), re.MULTILINE)
    return any(block.search(file.read_text()) for file in (run.settings.root / new.SERVICE).glob("*.tf"))


def _account(run: RunContext, known: Addresses) -> Iterator[Existing]:
    """GitHub's OIDC provider, which an account has only once."""
    name = run.settings.environment.name
    tfvars = run.settings.root / "infrastructure" / bootstrap.STACK / f"{name}.tfvars"
    if adoption.PROVIDER_ADDRESS in known or not github.repository(tfvars):
        return
    if _USES_EXISTING.search(tfvars.read_text()):
        return
    provider = existing.provider(run.aws, session.partition(run.settings.environment.region), _ISSUER)
    if provider is None:
        return
    hint = f"Write create_oidc_provider = false into {tfvars.relative_to(run.settings.root)}, which uses it."
    if provider.environment not in ("", name):
        yield Existing(Outcome.REFUSED, f"GitHub's OIDC provider belongs to {provider.environment}. {hint}")
    elif set(provider.clients) != {"sts.amazonaws.com"}:
        clients = ", ".join(provider.clients) or "none"
        yield Existing(Outcome.REFUSED, f"GitHub's OIDC provider has other clients ({clients}). {hint}")
    else:
        yield Existing(Outcome.BLOCK, adoption.PROVIDER)
