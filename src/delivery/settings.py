"""The settings of one environment, checked before anything else reads them.

Invoke merges `invoke.yaml` with other files and INVOKE_* variables (docs.pyinvoke.org, "Configuration"). Each section
of the result has a model here. A refusal names the key, its source and the value; the field's description says what
is expected.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from delivery import durations
from delivery.errors import ConfigurationError, nearest

FILE = "invoke.yaml"
VARIABLES = "INVOKE_"
"""The source of the values that come from variables, such as INVOKE_BUILD_CACHE."""

Sources = Sequence[tuple[str, Mapping[str, Any]]]
"""The files and options that Invoke merged, each with its values; the one that wins comes first."""
CACHES = ("registry", "gha", "local", "none")
PLATFORMS = ("linux/amd64", "linux/arm64")  # Lambda: "Architectures", one for a function
_NAME, _LONGEST = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*"), 16
# The last word of every region's name; a misspelt one would else be met when its endpoints have no address.
_REGION = r"^[a-z]{2,4}(-[a-z]+)*-(central|north|south|(north|south)?(east|west))-[0-9]+$"

_BUILDER, _BUILDER_IS = r"^([a-zA-Z][\w./-]*)?$", "the name of a builder: `docker buildx ls` lists them"

KEYLESS = "keyless"
"""The value of `build.sign_with` for a signature by a workflow, which has no key."""
# The notation of cosign, github.com/sigstore/cosign/blob/main/KMS.md: the host of an endpoint between the slashes is
# left out here, because `variables` names endpoints.
_UUID = "(mrk-)?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}"
_ALIAS = "alias/[a-zA-Z0-9/_-]+"
_KEY = rf"awskms:///({_ALIAS}|{_UUID}|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{{12}}:({_ALIAS}|key/{_UUID}))"
KEY_IS = "awskms:///alias/NAME, or awskms:/// and the ARN of a key or an alias"
# The identity of a workflow in its certificate: docs.sigstore.dev/certificate_authority/oidc-in-fulcio, "GitHub".
_WORKFLOW = r"https://[\w.-]+/[\w.-]+/[\w.-]+/[\w./-]+@refs/[\w./-]+"
_WORKFLOW_IS = "https://github.com/OWNER/NAME/.github/workflows/FILE@refs/heads/BRANCH"


class _Section(BaseModel):
    """A section of the configuration. Strict: a number is not accepted as text, nor text as a number or a flag."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Section = TypeVar("Section", bound=_Section)
Seconds = Annotated[float, Field(gt=0, description="a number of seconds above 0")]


class Deadlines(_Section):
    """Seconds that verify waits: for an answer or a first event (a cold start), and for each further event.

    The deadline of a health contract counts instead.
    """

    first_event: Seconds = 60.0
    between: Seconds = 10.0


class Canary(_Section):
    """How an environment judges a canary; `canary:` of an environment in invoke.yaml.

    `steps`: of each deploy without `--canary`, such as `10%/5m,50%/10m`. `minimum_requests`: that the new version must
    have had at the end of each step. `alarms`: names of CloudWatch alarms that end it. `slower`: how many times the p99
    of the old version that of the new one may be.
    """

    steps: str = Field(default="", description="steps such as 10%/5m,50%/10m")
    minimum_requests: int = Field(default=0, ge=0, description="a whole number, 0 or more")
    alarms: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(
        default=[], max_length=100, description="a list of at most 100 names of CloudWatch alarms"
    )
    slower: Annotated[float, Field(gt=1)] = Field(default=1.5, description="a number above 1, such as 1.5")


def _any_of(words: tuple[str, ...]) -> str:
    return f"^({'|'.join(words)})$"


def _texts(variables: object) -> object:
    """Names and values as text, since YAML reads 4566 as a number; a missing value stays None, which is refused."""
    if not isinstance(variables, Mapping):
        return {} if variables is None else variables
    return {str(name): value if value is None else str(value) for name, value in variables.items()}


def _listed(urls: object) -> object:
    """A single URL is a list of one; an empty one is none."""
    if isinstance(urls, str):
        return [urls] if urls else []
    return [] if urls is None else urls


Signer = Annotated[str, Field(pattern=f"^({_KEY}|{_WORKFLOW})$", description=f"{KEY_IS}, or {_WORKFLOW_IS}")]


class Requires(_Section):
    """What an image must have to be deployed to an environment; `requires:` of an environment in invoke.yaml.

    `signed_by`: those whose signature of SBOM and provenance counts, any of them: a key of KMS, or a workflow that
    signs without a key. `builder`: the workflow and ref that must have built the image. `vulnerabilities`: the lowest
    severity of a finding of ECR's scan that refuses the image; empty refuses none.
    """

    signed_by: list[Signer] = Field(
        default=[], max_length=8, description=f"a list of at most 8: {KEY_IS}, or a workflow"
    )
    builder: str = Field(default="", pattern=f"^({_WORKFLOW})?$", description=_WORKFLOW_IS)
    vulnerabilities: str = Field(default="", pattern=r"^(CRITICAL|HIGH|)$", description="CRITICAL or HIGH")


class _EnvironmentSection(_Section):
    account: str = Field(pattern=r"^[0-9]{12}$", description='12 digits in quotes, such as "123456789012"')
    region: str = Field(pattern=_REGION, description="an AWS region, such as eu-west-1")
    registry: str | None = Field(None, pattern=r"^[\w.-]+(:[0-9]+)?$", description="a registry host")
    state_bucket: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$",
        description="an S3 bucket name without dots, which break TLS",
    )
    protected: bool = Field(False, description="true or false")
    requires_acceptance: bool = Field(False, description="true or false")
    bootstraps: bool = Field(False, description="true or false")
    started_by: str = Field("", pattern=r"^([\w.]+:\w+)?$", description="module:function")
    builder: str | None = Field(None, pattern=_BUILDER, description=_BUILDER_IS)
    canary: Any = Field(None, description="a map, see the class Canary")
    requires: Any = Field(None, description="a map, see the class Requires")
    notify: Annotated[list[str], BeforeValidator(_listed)] = Field(
        [], repr=False, description="a URL, or a list of URLs, each as text"
    )
    variables: Annotated[dict[str, str], BeforeValidator(_texts)] = Field(
        {}, repr=False, description='a map of names to values; "" is an empty value'
    )


class _BuildSection(_Section):
    platform: str = Field("linux/amd64", pattern=_any_of(PLATFORMS), description=f"one of {', '.join(PLATFORMS)}")
    cache: str = Field("registry", pattern=_any_of(CACHES), description=f"one of {', '.join(CACHES)}")
    builder: str = Field("", pattern=_BUILDER, description=_BUILDER_IS)
    sign_profile: str = Field("", pattern=r"^[^\s]*$", description="the name of an AWS profile")
    sign_with: str = Field("", pattern=f"^({_KEY}|{KEYLESS})?$", description=f"{KEY_IS}, or {KEYLESS} in a workflow")


class _GitSection(_Section):
    default_branch: str = Field("main", pattern=r"^[\w./-]+$", description="a branch, such as main")


class _TerraformSection(_Section):
    lock_wait: Annotated[float, BeforeValidator(durations.seconds)] = Field(0.0, description="a time such as 5m")
    start_providers: bool = Field(True, description="true or false")


@dataclass(frozen=True)
class Environment:
    """An AWS account (12 digits) and region, the host of its registry, and the bucket of its Terraform state.

    `registry`: empty in settings that name none; `context.open_context` fills in the registry of the account.
    """

    name: str
    account: str
    region: str
    registry: str
    protected: bool = False
    _: KW_ONLY
    state_bucket: str

    def repository(self, image: str) -> str:
        """The repository of an image, `{registry}/{environment}-{name}-lambda`; docker-bake.hcl has the same rule."""
        return f"{self.registry}/{self.name}-{image}-lambda"

    def function(self, image: str) -> str:
        """The name of the function of an image, and of its role; modules/image_function has the same rule."""
        return f"{self.name}-{image}"

    def command(self, task: str, *options: str) -> str:
        """The command that runs a task on this environment, for the `try:` line of an error."""
        return " ".join(("invoke", task, "--env", self.name, *options))


@dataclass(frozen=True)
class Settings:
    """The settings of one environment; every tool gets the `variables`."""

    root: Path
    environment: Environment
    platform: str = "linux/amd64"
    cache: str = "registry"
    builder: str = ""
    """The builder that builds; empty for the one that docker has selected."""
    sign_with: str = ""
    """The key of KMS that signs what is built, `keyless`, or empty: nothing is signed."""
    sign_profile: str = ""
    """The AWS profile whose credentials sign; empty for those of the environment."""
    default_branch: str = "main"
    requires_acceptance: bool = False
    """Whether a promotion to this environment takes only images that `invoke acceptance` accepted in the source."""
    requires: Requires = field(default_factory=Requires)
    bootstraps: bool = False
    started_by: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)  # may be credentials
    deadlines: Deadlines = field(default_factory=Deadlines)
    neighbours: tuple[str, ...] = ()
    """The other environments of the same account."""
    verifying_accounts: tuple[str, ...] = ()
    """The other accounts with an environment that requires signatures by a key of this account."""
    canary: Canary = field(default_factory=Canary)
    notify: tuple[str, ...] = field(default=(), repr=False)  # may hold secrets
    """The URLs that hear of a change; `${NAME}` in one is a variable."""
    lock_wait: float = 0.0
    """Seconds to wait for a state lock that another run holds."""
    start_providers: bool = True
    """Whether Terraform gets providers that run already; see `terraform/provider.py`."""
    exported: Path | None = None
    """The files of a clean commit, in a folder of this run; None for a dirty commit."""

    @property
    def source(self) -> Path:
        """The project folder that is built and planned: of the commit itself, or the work tree of a dirty commit."""
        return self.exported or self.root


def load(root: Path, name: str | None, config: Mapping[str, Any], sources: Sources = ()) -> Settings:
    """The settings of the environment `name`, from Invoke's merged configuration as plain dicts.

    `sources`: where its values come from, for the message about a wrong one. Raises ConfigurationError for an unknown
    environment, and for a key that is missing, unknown or malformed.
    """
    raw = _checked(_EnvironmentSection, _environment(name, config), f"environments.{name}", sources)
    _require_name(str(name))
    build = _checked(_BuildSection, config.get("build"), "build", sources)
    terraform = _checked(_TerraformSection, config.get("terraform"), "terraform", sources)
    return Settings(
        root=root,
        environment=_described(str(name), raw),
        platform=build.platform,
        cache=build.cache,
        builder=build.builder if raw.builder is None else raw.builder,
        sign_with=build.sign_with,
        sign_profile=build.sign_profile,
        requires=_requires(str(name), raw.requires, sources),
        default_branch=_checked(_GitSection, config.get("git"), "git", sources).default_branch,
        requires_acceptance=raw.requires_acceptance,
        bootstraps=raw.bootstraps,
        started_by=raw.started_by,
        variables=raw.variables,
        neighbours=_neighbours(str(name), raw.account, config),
        verifying_accounts=_verifying_accounts(raw.account, config),
        canary=_checked(Canary, raw.canary, f"environments.{name}.canary", sources),
        notify=tuple(raw.notify),
        deadlines=_checked(Deadlines, config.get("verify"), "verify", sources),
        lock_wait=terraform.lock_wait,
        start_providers=terraform.start_providers,
    )


def _described(name: str, raw: _EnvironmentSection) -> Environment:
    # The name of a bucket is unique in the world, and two environments of one account must not share a state.
    bucket = raw.state_bucket or f"{name}-{raw.account}-{raw.region}-terraform-state"
    return Environment(name, raw.account, raw.region, raw.registry or "", raw.protected, state_bucket=bucket)


def _requires(name: str, raw: object, sources: Sources) -> Requires:
    key = f"environments.{name}.requires"
    requires = _checked(Requires, raw, key, sources)
    if requires.builder and not requires.signed_by:
        where = _source([*key.split("."), "builder"], sources)
        why = "The builder stands in the provenance, and anybody can write a provenance that nobody signed."
        raise ConfigurationError(
            f"{key}.builder in {where} needs {key}.signed_by.", why, f"add `signed_by:` in {where}"
        )
    return requires


def chosen(config: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """The environments `names`; without names, all that need not be started first.

    Raises ConfigurationError for an unknown environment.
    """
    for name in names:
        _environment(name, config)
    every = _environments(config).items()
    return tuple(names) or tuple(n for n, raw in every if not (isinstance(raw, Mapping) and raw.get("started_by")))


def starting(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The environments that are started first. Raises ConfigurationError when there is no environment."""
    every = _environments(config).items()
    return tuple(name for name, raw in every if isinstance(raw, Mapping) and raw.get("started_by"))


def started(config: Mapping[str, Any], name: str, more: Mapping[str, object]) -> dict[str, Any]:
    """The configuration, with `more` laid over the environment `name`: the settings that `started_by` returned."""
    environments = dict(config["environments"])
    own, added = environments[name].get("variables") or {}, more.get("variables") or {}
    environments[name] = {**environments[name], **more, "variables": {**own, **cast(Mapping[str, str], added)}}
    return {**config, "environments": environments}


def _require_name(name: str) -> None:
    """Raises ConfigurationError for a name that the prefix of no repository, bucket and role can be."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        why = (
            f"It has 1 to {_LONGEST} lower-case letters and digits, joined by single hyphens, and begins with a letter."
        )
        raise ConfigurationError(f"Malformed name of an environment: {name!r}", why, f"rename it in {FILE}")


def _neighbours(name: str, account: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    every = _environments(config).items()
    return tuple(n for n, raw in every if n != name and isinstance(raw, Mapping) and raw.get("account") == account)


def _verifying_accounts(account: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Of the environments whose `requires.signed_by` names a key of this account by its ARN. Each is checked later."""
    found = set()
    for raw in _environments(config).values():
        requires = raw.get("requires") if isinstance(raw, Mapping) else None
        keys = requires.get("signed_by") if isinstance(requires, Mapping) else None
        if isinstance(keys, Sequence) and any(f":{account}:" in str(key) for key in keys):
            found.add(str(cast(Mapping[str, object], raw).get("account")))
    return tuple(sorted(found - {account}))


def _environments(config: Mapping[str, Any]) -> Mapping[str, object]:
    environments = config.get("environments")
    if not isinstance(environments, Mapping) or not environments:
        raise ConfigurationError(f"{FILE} names no environments.", hint=f"restore `environments:` in {FILE}")
    return environments


def _environment(name: str | None, config: Mapping[str, Any]) -> object:
    environments = _environments(config)
    known = ", ".join(environments)
    if not name:
        raise ConfigurationError("No environment was named.", hint=f"--env with one of: {known}")
    if name not in environments:
        example = f"--env {nearest(name, environments) or next(iter(environments))}"
        raise ConfigurationError(f"Unknown environment: {name}", f"{FILE} has: {known}", example)
    return environments[name]


def _checked(section: type[Section], raw: object, key: str, sources: Sources) -> Section:
    """A section of the configuration, which may be left out. Raises ConfigurationError for its first wrong key."""
    try:
        return section.model_validate(raw or {})
    except ValidationError as error:
        # A misspelt key is unknown, and missing where it belongs: the unknown key is the better message.
        details = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
        raise _refusal(section, key, details, sources) from None


def _refusal(section: type[_Section], prefix: str, details: ErrorDetails, sources: Sources) -> ConfigurationError:
    key, value, fields = ".".join(map(str, (prefix, *details["loc"]))), details["input"], section.model_fields
    where = _source(key.split("."), sources)
    name = str(details["loc"][0]) if details["loc"] else ""
    if name and name not in fields:
        what, why, hint = (
            f"Unknown setting {key} in {where}.",
            f"Known are: {', '.join(fields)}",
            "correct or remove it",
        )
    elif name and fields[name].is_required() and (details["type"] == "missing" or value is None):
        what, why, hint = f"Missing setting {key} in {where}.", f"It is {fields[name].description}.", f"add `{name}:`"
    else:
        expected = fields[name].description if name else f"a map of {', '.join(fields)}"
        shown = f": {value!r}" if not name or fields[name].repr else "."  # it may hold a secret
        what, why, hint = f"Malformed setting {key} in {where}{shown}", f"It must be {expected}.", "correct it"
    return ConfigurationError(what, why, f"{hint} in {where}")


def _source(path: Sequence[str], sources: Sources) -> str:
    """The name of the source that gave the value at `path`; of a missing value, the file that should have it."""
    having = [name for name, values in sources if _has(values, path)]
    if not having and len(path) > 1:
        section = [name for name, values in sources if name != VARIABLES and _has(values, path[:-1])]
        return FILE if FILE in section or not section else section[0]
    if having[:1] == [VARIABLES]:
        return f"{VARIABLES}{'_'.join(path).upper()}"
    return having[0] if having else FILE


def _has(values: Any, path: Sequence[str]) -> bool:
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values is not None
