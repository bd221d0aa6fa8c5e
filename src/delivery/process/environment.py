"""Which variables of a person's shell the tools inherit: the one rule for all children, and for boto3.

A shell exports variables for other projects: TF_WORKSPACE, GIT_DIR, PIP_TARGET, PYTHONPATH, AWS_ENDPOINT_URL_S3. They
would change what is built, planned or called, or show secrets (TF_LOG, GIT_TRACE_CURL). So no variable of these tools
is inherited, except what says how this machine reaches a registry or an index. The `variables` of an environment in
invoke.yaml are the project's own, and reach every tool.
"""

from collections.abc import Mapping

_DROPPED = ("AWS_ENDPOINT_URL", "GIT_", "PIP_", "PYTHON", "TF_")
_KEPT = (
    # https://pip.pypa.io/en/stable/topics/configuration/#environment-variables
    *("PIP_CACHE_DIR", "PIP_CERT", "PIP_CLIENT_CERT", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_EXTRA_INDEX_URL"),
    *("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_KEYRING_PROVIDER", "PIP_NO_INDEX", "PIP_PROXY", "PIP_RETRIES"),
    *("PIP_TIMEOUT", "PIP_TRUSTED_HOST"),
    # Mirrors and logins of the machine; https://developer.hashicorp.com/terraform/cli/config/config-file. The plugin
    # cache is a mirror (terraform/mirror.py), and does not reach Terraform.
    *("TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR", "TF_REGISTRY_CLIENT_TIMEOUT", "TF_REGISTRY_DISCOVERY_RETRY"),
)
_KEPT_PREFIX = "TF_TOKEN_"
# https://pkg.go.dev/runtime#hdr-Environment_Variables: Terraform, its provider and docker live for seconds, and a third
# of their CPU time would be the collection of garbage; with this value, a tenth more memory. A person's own value wins.
_SHORT_LIVED = {"GOGC": "400"}


def inherited(exported: Mapping[str, str]) -> dict[str, str]:
    """The variables of a person's shell that the tools get, and what suits tools that end soon."""
    kept = {
        name: value
        for name, value in exported.items()
        if not name.startswith(_DROPPED) or name in _KEPT or name.startswith(_KEPT_PREFIX)
    }
    return {**_SHORT_LIVED, **kept}
