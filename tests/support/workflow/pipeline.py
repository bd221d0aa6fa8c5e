"""Runs the workflow of the repository on this machine, unmodified but for `queue`, which act does not know.

act (https://nektosact.com) plays GitHub, and the stubs in `actions/` play the third-party actions. The tests cannot
check what act does not enforce: concurrency, approvals, id-token permissions, timeouts and trigger filters.
"""

import filecmp
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml
from support.deploys.checkout import Checkout, Outcome
from support.workflow.act_run import Run, parse
from support.workflow.github_api import REPOSITORY, TOKEN

STUBS = Path(__file__).parents[2] / "workflow" / "actions"
ACCOUNTS = {"preprod": "111111111111", "prod": "222222222222"}
# The jobs of a push to main, in the order in which they run. `checks` is the job of the workflow that `check` calls.
JOBS = (
    "checks",
    "build-sse-image-preprod",
    "deploy-preprod",
    "verify-preprod",
    "validation-gate",
    "promote-prod",
    "summary",
)
# In the job `checks`, the linters run, and pytest collects a few tests and runs none: tests/runner runs the same line
# of the workflow in full.
NO_TESTS = {"PYTEST_ADDOPTS": "--collect-only --ignore-glob=tests/unit/*/*"}
# Not exported: an exported endpoint reaches no task, and a stand-in for the base is a setting of an environment.
_ADDRESSES = ("AWS_ENDPOINT_URL", "BUILD_CONTEXTS")
_FOREIGN = ("AWS_", "GITHUB_", "ACTIONS_", "INVOKE_", "PYTEST_", "DOCKER_", "RUNNER_")


def _signing_key(clone: Checkout) -> str:
    """The ARN of the alias of a new key in prod's account, as infrastructure/modules/signing_key makes one."""
    kms = clone.client("kms", ACCOUNTS["prod"])
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    kms.create_alias(AliasName="alias/prod-images", TargetKeyId=key["KeyId"])
    return f"arn:aws:kms:us-east-1:{ACCOUNTS['prod']}:alias/prod-images"


@dataclass(frozen=True)
class Pipeline:
    """The workflow of `clone`, whose sandbox has one account for preprod and one for prod; `home` is the runner's."""

    clone: Checkout
    home: Path

    @classmethod
    def make(cls, clone: Checkout, home: Path) -> "Pipeline":
        """Write the sandbox's addresses into invoke.yaml and bootstrap both accounts, as a person does once."""
        document = yaml.safe_load((clone.root / "invoke.yaml").read_text())
        cloud = {n: v for n, v in clone.settings["variables"].items() if n.startswith(_ADDRESSES)}
        for name in ACCOUNTS:
            document["environments"][name].update(registry=clone.settings["registry"], variables=cloud)
        key = f"awskms:///{_signing_key(clone)}"  # the job that pushes has a profile of prod's account, which signs
        document["build"]["sign_with"] = key
        document["environments"]["prod"]["requires"] = {"signed_by": [key]}
        (clone.root / "invoke.yaml").write_text(yaml.safe_dump(document))
        clone.commit("the sandbox's addresses")
        pipeline = cls(clone, home)
        with ThreadPoolExecutor() as pool:
            for outcome in pool.map(pipeline.bootstrap, ACCOUNTS):
                assert outcome.code == 0, outcome.text
        return pipeline

    def bootstrap(self, name: str) -> Outcome:
        """Run `invoke bootstrap` with the credentials of an administrator of that account."""
        keys = {"AWS_ACCESS_KEY_ID": ACCOUNTS[name], "AWS_SECRET_ACCESS_KEY": "test"}
        return self.clone.invoke("bootstrap", "--env", name, "--yes", **{**self.environ(), **keys})

    def environ(self) -> dict[str, str]:
        """The environment variables of a runner: the tools and the address of the cloud, but no credentials."""
        venv = Path(sys.prefix)
        outdated = f"The steps would replace the packages in {venv}; run these tests with ./dev"
        assert filecmp.cmp(venv / "requirements.txt", self.clone.root / "requirements.txt", shallow=False), outdated
        assert (venv / "place").read_text().strip() == sys.prefix, outdated
        own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        cloud = {name: value for name, value in self.clone.settings["variables"].items() if value}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            cloud.pop(name, None)
        return {
            **own,
            **cloud,
            "AWS_SHARED_CREDENTIALS_FILE": str(self.home / "credentials"),
            "AWS_CONFIG_FILE": str(self.home / "config"),
            "XDG_CONFIG_HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "DEV_VENV": sys.prefix,
            "NO_COLOR": "1",
            "TTY_COMPATIBLE": "0",  # rich reads it: act gives its steps a terminal, GitHub does not
            "MYPY_CACHE_DIR": str(self.home / "mypy"),
            "ORIGIN": str(self.clone.root),
        }

    def run(
        self, *arguments: str, workflow: str = "deploy.yml", variables: dict[str, str] | None = None, **environ: str
    ) -> Run:
        """Run act with these arguments.

        `variables` are added to those of the repository, `environ` to the environment variables of the runner.
        """
        argv = [*self._act(workflow, variables or {}), *arguments]
        result = subprocess.run(
            argv,
            cwd=self.clone.root,
            env={**self.environ(), **environ},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return parse(result)

    def comment(self, api: str, head: str, origin: str = REPOSITORY) -> Run:
        """Run comment.yml for a pull request of the repository `origin` with this last commit; `api` is GitHub's."""
        repo = {"full_name": origin}
        pull = {"number": 7, "head": {"ref": "change", "sha": head, "repo": repo}, "base": {"ref": "main"}}
        event = self.home / "event.json"
        event.write_text(json.dumps({"number": 7, "pull_request": pull, "repository": {"full_name": REPOSITORY}}))
        given = ("--env", f"GITHUB_API_URL={api}", "--env", f"GITHUB_REPOSITORY={REPOSITORY}")
        secret = ("--secret", f"GITHUB_TOKEN={TOKEN}")
        return self.run("pull_request", "--eventpath", str(event), *given, *secret, workflow="comment.yml")

    def alias(self, environment: str) -> str:
        """The version that the alias `live` of an environment names."""
        functions = self.clone.client("lambda", ACCOUNTS[environment])
        return functions.get_alias(FunctionName=f"{environment}-sse-streaming", Name="live")["FunctionVersion"]

    def live(self, environment: str) -> dict:
        """Lambda's answer about the function that the alias `live` of an environment names."""
        functions = self.clone.client("lambda", ACCOUNTS[environment])
        return functions.get_function(FunctionName=f"{environment}-sse-streaming", Qualifier="live")

    def manifest(self, environment: str, tag: str) -> tuple[str, str]:
        """The digest and the text of the manifest that has a tag in the registry of an environment."""
        ecr = self.clone.client("ecr", ACCOUNTS[environment])
        name = f"{environment}-sse-streaming-lambda"
        (image,) = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])["images"]
        return image["imageId"]["imageDigest"], image["imageManifest"]

    def tags(self, environment: str) -> dict[str, str]:
        """Tag to digest, of the registry of an environment."""
        ecr = self.clone.client("ecr", ACCOUNTS[environment])
        details = ecr.describe_images(repositoryName=f"{environment}-sse-streaming-lambda")["imageDetails"]
        return {tag: detail["imageDigest"] for detail in details for tag in detail.get("imageTags", [])}

    def _act(self, workflow: str, variables: dict[str, str]) -> list[str]:
        config = self.home / "act" / "actrc"  # without this file, act asks a question
        config.parent.mkdir(parents=True, exist_ok=True)
        config.touch()
        roles = {f"{name.upper()}_ROLE_ARN": f"arn:aws:iam::{account}:role/ci/x" for name, account in ACCOUNTS.items()}
        for name in ACCOUNTS:  # the stub reads only the account
            roles[f"{name.upper()}_READER_ROLE_ARN"] = roles[f"{name.upper()}_ROLE_ARN"]
        roles["PROD_SIGNER_ROLE_ARN"] = roles["PROD_ROLE_ARN"]
        argv = [str(Path(sys.prefix, "bin", "act")), "--json", "--rm", "--workflows", str(self._workflow(workflow))]
        argv += ["-P", "ubuntu-24.04=-self-hosted", "--action-cache-path", str(self.home / "actions")]
        argv += ["--cache-server-addr", "127.0.0.1", "--cache-server-path", str(self.home / "artifacts")]
        argv += ["--artifact-server-path", str(self.home / "files"), "--artifact-server-addr", "127.0.0.1"]
        argv += ["--artifact-server-port", "0"]
        for name, value in {**roles, **variables}.items():
            argv += ["--var", f"{name}={value}"]
        for stub in self._stubs():
            argv += ["--local-repository", stub]
        return argv

    def _workflow(self, name: str) -> Path:
        """A copy of a workflow without `queue`: act 0.2.89 refuses the key, and enforces no concurrency anyway."""
        text = (self.clone.root / ".github/workflows" / name).read_text()
        known, number = re.subn(r"^ +queue: max.*\n", "", text, flags=re.MULTILINE)
        assert number == (3 if name == "deploy.yml" else 0), "the lines that this function removes have changed"
        copy = self.home / name
        copy.write_text(known)
        return copy

    def _stubs(self) -> list[str]:
        """act's mapping from each third-party action in use to its stub. An action without a stub fails the run."""
        files = (self.clone.root / ".github").rglob("*.yml")
        pattern = r"uses: ([\w-]+/[\w-]+)[\w/-]*@(\w+)"  # actions/cache/restore is a part of actions/cache
        used = {match for file in files for match in re.findall(pattern, file.read_text())}
        return [f"https://github.com/{name}@{ref}={STUBS / name.replace('/', '-')}" for name, ref in used]
