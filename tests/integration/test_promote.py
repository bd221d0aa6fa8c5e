"""From preprod to prod, two accounts of the emulator: the same bytes, no build, and everything that is refused.

What preprod builds is signed with a key of prod, and prod requires the signature and the workflow.
"""

import base64
import json
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import urllib3
import yaml
from support.deploys import upload_relay
from support.deploys.checkout import Checkout
from support.deploys.refusals import plain, refused
from support.waiting import until

from sandbox.emulator import image_scans

ACCOUNTS = {"preprod": "111111111111", "prod": "222222222222"}
PROMOTE = ("promote", "--from", "preprod", "--to", "prod")
BUILDER = "https://github.com/o/n/.github/workflows/deploy.yml@refs/heads/main"
# Of the job that builds; https://docs.github.com/en/actions/reference/workflows-and-actions/variables
WORKFLOW = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "o/n",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_WORKFLOW_REF": "o/n/.github/workflows/deploy.yml@refs/heads/main",
}
SOURCE = "src/lambdas/sse_streaming/app.py"
STRICT = {"INVOKE_ENVIRONMENTS_PROD_REQUIRES_VULNERABILITIES": "CRITICAL"}
EXCEPTION = """
[[IgnoredVulns]]
id = "CVE-2026-0001"
ignoreUntil = 2999-01-01
reason = "a test"
"""


@dataclass(frozen=True)
class Place:
    """One environment, seen from outside."""

    clone: Checkout
    name: str

    @property
    def repository(self) -> str:
        return f"{self.name}-sse-streaming-lambda"

    def client(self, service: str):
        return self.clone.client(service, ACCOUNTS[self.name])

    def all_tags(self) -> dict[str, str]:
        details = self.client("ecr").describe_images(repositoryName=self.repository)["imageDetails"]
        return {tag: detail["imageDigest"] for detail in details for tag in detail.get("imageTags", [])}

    def tags(self) -> dict[str, str]:
        """Tag to digest, without those of attestations."""
        return {tag: digest for tag, digest in self.all_tags().items() if not tag.startswith("sha256-")}

    def attestations(self) -> dict[str, str]:
        """Tag to digest, of the attestations of images."""
        return {tag: digest for tag, digest in self.all_tags().items() if tag.startswith("sha256-")}

    def manifest(self, digest: str) -> bytes:
        """The manifest's bytes as the registry's own API gives them."""
        token = self.client("ecr").get_authorization_token()["authorizationData"][0]
        password = base64.b64decode(token["authorizationToken"]).decode()
        url = f"{token['proxyEndpoint']}/v2/{self.repository}/manifests/{digest}"
        answer = urllib3.request("GET", url, headers=urllib3.make_headers(basic_auth=password))
        assert answer.status == 200, answer.data
        return answer.data

    def live(self) -> dict[str, str]:
        """The live version: its number, commit and image."""
        functions, name = self.client("lambda"), f"{self.name}-sse-streaming"
        version = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
        result = functions.get_function(FunctionName=name, Qualifier=version)
        commit = result["Configuration"]["Description"].removeprefix("commit ")
        return {"version": version, "commit": commit, "digest": result["Code"]["ImageUri"].partition("@")[2]}

    def scanned(self, digest: str, *findings: dict) -> None:
        """ECR has scanned an image: see sandbox.emulator.image_scans. The emulator verifies no signature here."""
        scan = {"imageScanStatus": {"status": "ACTIVE"}, "imageScanFindings": {"enhancedFindings": findings}}
        who = f"{ACCOUNTS[self.name]}/20260101/us-east-1/ecr/aws4_request"
        headers = {
            "X-Amz-Target": f"AmazonEC2ContainerRegistry_V20150921.{image_scans.PLANT}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={who}, SignedHeaders=host, Signature=0",
        }
        body = {"repositoryName": self.repository, "imageDigest": digest, "scan": scan}
        endpoint = self.clone.settings["variables"]["AWS_ENDPOINT_URL"]
        answer = urllib3.request("POST", endpoint, headers=headers, body=json.dumps(body).encode())
        assert answer.status == 200, answer.data

    def put(self, tag: str, manifest: str) -> None:
        """Give a tag to a manifest, as somebody who goes around the tasks."""
        kind = "application/vnd.oci.image.manifest.v1+json"
        given = {"imageManifest": manifest, "imageManifestMediaType": kind, "imageTag": tag}
        self.client("ecr").put_image(repositoryName=self.repository, **given)


@pytest.fixture(scope="module")
def clone(deployed, tmp_path_factory):
    """The deployed clone with a commit in which preprod and prod are two more accounts; gone again afterwards."""
    checkout, _ = deployed
    before = checkout.head()
    document = yaml.safe_load((checkout.root / "invoke.yaml").read_text())
    kms = checkout.client("kms", ACCOUNTS["prod"])
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    kms.create_alias(AliasName="alias/images", TargetKeyId=key["KeyId"])
    profiles = tmp_path_factory.mktemp("aws") / "config"
    secret = checkout.settings["variables"]["AWS_SECRET_ACCESS_KEY"]
    profiles.write_text(
        f"[profile signing]\naws_access_key_id = {ACCOUNTS['prod']}\naws_secret_access_key = {secret}\n"
    )
    document["build"] |= {"sign_with": f"awskms:///{key['Arn']}", "sign_profile": "signing"}
    trusted = {"signed_by": ["awskms:///alias/images"], "builder": BUILDER}
    for name, account in ACCOUNTS.items():
        own = {"AWS_ACCESS_KEY_ID": account, "AWS_CONFIG_FILE": str(profiles)}
        requires = {"vulnerabilities": "", **(trusted if name == "prod" else {})}
        more = {"variables": {**plain(checkout.settings["variables"]), **own}, "requires": requires}
        document["environments"][name].update(registry=checkout.settings["registry"], **more)
    (checkout.root / "invoke.yaml").write_text(yaml.safe_dump(document))
    checkout.commit("preprod and prod are accounts of the emulator")
    yield checkout
    checkout.restore(before)


@pytest.fixture(scope="module")
def places(clone):
    """preprod, deployed; prod, bootstrapped and nothing more."""
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda name: clone.invoke("bootstrap", "--env", name, "--yes"), ACCOUNTS))
    assert [item.code for item in made] == [0, 0], made
    deployed = clone.invoke("deploy", "--env", "preprod", **WORKFLOW)
    assert deployed.code == 0, deployed.text
    assert ", signed by awskms:///arn:aws:kms:" in deployed.text, deployed.text
    return Place(clone, "preprod"), Place(clone, "prod")


def acceptances(place):
    """The first words of the acceptance records."""
    return [tag.partition("-")[0] for tag in place.tags() if re.match("(accepted|rejected)-", tag)]


def test_an_image_that_no_test_accepted_is_not_promoted_to_an_environment_that_requires_it(places):
    preprod, prod = places
    outcome = prod.clone.invoke(*PROMOTE, "--yes")
    refused(outcome, 4, "sse-streaming version 1", "is not accepted in preprod.", "invoke acceptance --env preprod")
    assert (acceptances(preprod), prod.tags()) == ([], {})


def test_an_acceptance_test_that_fails_is_named_and_accepts_nothing(places):
    preprod, _ = places
    failing = preprod.clone.root / "tests" / "acceptance" / "test_more.py"
    failing.write_text("def test_the_answer(functions):\n    assert functions['sse-streaming'].version == '9'\n")
    outcome = preprod.clone.invoke("acceptance", "--env", "preprod")
    failing.unlink()
    assert outcome.code == 7, outcome.text
    assert "1 acceptance test failed in preprod; 3 passed." in outcome.text, outcome.text
    assert "tests/acceptance/test_more.py::test_the_answer: AssertionError: assert '1' == '9'" in outcome.text
    assert acceptances(preprod) == []


def test_what_passes_the_acceptance_tests_is_recorded_for_its_digest_and_shown(places):
    preprod, _ = places
    outcome = preprod.clone.invoke("acceptance", "--env", "preprod")
    assert outcome.code == 0, outcome.text
    assert "tests/acceptance/test_sse_streaming.py::test_the_status_names_the_version PASSED" in outcome.text
    (tag,) = (tag for tag in preprod.tags() if tag.startswith("accepted-"))
    assert preprod.tags()[tag] == preprod.live()["digest"]
    listed = preprod.clone.invoke("releases", "--env", "preprod", "--json")
    (entry,) = json.loads(listed.text[listed.text.index("{\n") :])["sse-streaming"]
    assert entry["acceptance"]["accepted"], listed.text
    assert entry["url"].startswith("http"), listed.text


def test_an_unsigned_image_is_refused_until_push_image_has_signed_it(places):
    preprod, prod = places
    ids = [{"imageDigest": digest} for digest in preprod.attestations().values()]
    preprod.client("ecr").batch_delete_image(repositoryName=preprod.repository, imageIds=ids)
    what = ("has no trusted SBOM and no trusted provenance.", "invoke push-image --env preprod")
    refused(prod.clone.invoke(*PROMOTE, "--yes"), 4, *what)
    assert (len(ids), prod.all_tags()) == (2, {})
    signed = prod.clone.invoke("push-image", "--env", "preprod", **WORKFLOW)
    assert signed.code == 0, signed.text
    assert "built again, and signed by awskms:///" in signed.text, signed.text
    assert len(preprod.attestations()) == 2


def test_a_signature_of_another_key_is_refused(places):
    _, prod = places
    kms = prod.client("kms")
    right = kms.describe_key(KeyId="alias/images")["KeyMetadata"]["KeyId"]
    other = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName="alias/images", TargetKeyId=other)
    outcome = prod.clone.invoke(*PROMOTE, "--yes")
    kms.update_alias(AliasName="alias/images", TargetKeyId=right)
    refused(outcome, 4, "provenance signed by another key or workflow", "signed by awskms:///alias/images")
    assert prod.all_tags() == {}


def test_a_critical_vulnerability_refuses_the_promotion_and_nothing_is_copied(places):
    preprod, prod = places
    package = {"name": "openssl", "version": "3.0.11", "fixedInVersion": "3.0.13"}
    details = {"vulnerabilityId": "CVE-2026-0001", "vulnerablePackages": [package]}
    preprod.scanned(preprod.live()["digest"], {"severity": "CRITICAL", "packageVulnerabilityDetails": details})
    outcome = prod.clone.invoke(*PROMOTE, "--yes", **STRICT)
    line = "CVE-2026-0001 CRITICAL openssl 3.0.11, fixed in 3.0.13"
    refused(outcome, 4, "prod takes no image with a CRITICAL vulnerability", line, "[[IgnoredVulns]]")
    assert prod.tags() == {}


def test_a_protected_environment_is_not_promoted_to_without_a_yes(places):
    """The commit has an exception now, so that the scan is no reason any more."""
    _, prod = places
    (prod.clone.root / "osv-scanner.toml").write_text(EXCEPTION)
    prod.clone.commit("an exception")
    outcome = prod.clone.invoke(*PROMOTE, **STRICT)
    refused(outcome, 4, "prod is protected.", "with --yes")
    assert "✓ scan       nothing CRITICAL; osv-scanner.toml ignores CVE-2026-0001" in outcome.text
    assert prod.tags() == {}


def test_an_interrupted_copy_leaves_no_tag_and_130(places):
    preprod, prod = places
    endpoint = prod.clone.settings["variables"]["AWS_ENDPOINT_URL"]
    with upload_relay.holding(endpoint, nth=2) as relay:
        there = {"INVOKE_ENVIRONMENTS_PROD_VARIABLES_AWS_ENDPOINT_URL": relay.address}
        child = prod.clone.start(*PROMOTE, "--yes", **there)
        until(relay.holding.is_set, 60, "the second blob")
        child.send_signal(signal.SIGINT)
        text, _ = child.communicate(timeout=30)
    assert child.returncode == 130, text
    assert "Interrupted in copy: the copied blobs stay in the registry" in text
    assert "run `invoke promote" in text
    assert prod.tags() == {}
    assert preprod.live()["version"] == "1"


def test_a_promotion_that_is_cut_off_between_image_and_attestations_leaves_no_tag(places):
    preprod, prod = places
    # One of them is there.
    blobs = len(json.loads(preprod.manifest(preprod.live()["digest"]))["layers"]) + 1
    endpoint = prod.clone.settings["variables"]["AWS_ENDPOINT_URL"]
    with upload_relay.holding(endpoint, nth=blobs) as relay:
        there = {"INVOKE_ENVIRONMENTS_PROD_VARIABLES_AWS_ENDPOINT_URL": relay.address}
        child = prod.clone.start(*PROMOTE, "--yes", **there)
        until(relay.holding.is_set, 60, "the first attestation")
        child.send_signal(signal.SIGINT)
        text, _ = child.communicate(timeout=30)
    assert child.returncode == 130, text
    assert prod.manifest(preprod.live()["digest"]), "the image is there"
    assert prod.tags() == {}


def test_the_next_promotion_completes_it_and_both_digests_are_the_same_byte_for_byte(places):
    preprod, prod = places
    done = prod.clone.invoke(*PROMOTE, "--yes", "--rebuild", "--commit", preprod.live()["commit"], **STRICT)
    assert done.code == 0, done.text
    assert re.search(r"\(\d+\.\d MB present before\), 2 attestations", done.text), done.text
    assert re.findall(r"^✓ (\w+)", done.text, re.MULTILINE) == ["guards", "scan", "rebuild", "copy"]
    assert f"commit {preprod.live()['commit'][:12]}; scan: 1 critical" in done.text
    live = preprod.live()
    assert prod.tags() == {live["commit"]: live["digest"], "latest": live["digest"]}
    assert prod.manifest(live["digest"]) == preprod.manifest(live["digest"])
    assert prod.attestations() == preprod.attestations()
    for digest in prod.attestations().values():
        assert prod.manifest(digest) == preprod.manifest(digest)
    prod.clone.restore("HEAD~1")  # the commit that preprod serves


def test_prod_then_deploys_that_digest_without_a_build_and_its_version_has_the_promoted_commit(places):
    preprod, prod = places
    done = prod.clone.invoke("deploy", "--env", "prod", "--yes")
    assert done.code == 0, done.text
    assert re.search(r"✓ push .* unchanged", done.text), done.text
    assert re.search(r"✓ trust .* are signed as prod requires", done.text), done.text
    assert prod.live() == preprod.live()
    checked = prod.clone.invoke("doctor", "--env", "prod")
    assert "prod-sse-streaming: signed requests (AWS_IAM)" in checked.text, checked.text


def test_a_target_that_serves_it_already_is_reported_and_nothing_is_done(places):
    again = places[1].clone.invoke(*PROMOTE, "--yes")
    assert again.code == 0, again.text
    assert "prod already serves it: sse-streaming sha256:" in again.text
    assert "Nothing to do." in again.text
    assert "copy" not in re.findall(r"^✓ (\w+)", again.text, re.MULTILINE)


def test_a_commit_with_the_same_image_gets_its_tag_in_prod_which_builds_nothing(places):
    preprod, prod = places
    clone, before, live = prod.clone, prod.clone.head(), prod.live()
    (clone.root / "README.md").write_text("another text\n")
    commit = clone.commit("only the README")
    shipped = clone.invoke("deploy", "--env", "preprod", **WORKFLOW)
    promoted = clone.invoke(*PROMOTE, "--yes", "--commit", commit)
    done = clone.invoke("deploy", "--env", "prod", "--yes")
    clone.restore(before)
    assert (shipped.code, promoted.code, done.code) == (0, 0, 0), f"{shipped.text}{promoted.text}{done.text}"
    assert re.findall(r"^✓ (\w+)", promoted.text, re.MULTILINE) == ["guards", "copy"]
    assert {preprod.tags()[commit], prod.tags()[commit]} == {live["digest"]}
    assert "build" not in re.findall(r"^✓ (\w+)", done.text, re.MULTILINE), done.text
    assert (preprod.live()["version"], prod.live()) == ("1", live)


def test_a_commit_that_is_not_live_is_refused(places):
    outcome = places[1].clone.invoke(*PROMOTE, "--yes", "--commit", "abc1234")
    refused(outcome, 4, "Commit abc1234 is not live in preprod", places[0].live()["commit"])


def test_a_live_version_that_was_never_verified_is_refused(places):
    preprod, prod = places
    manifest = preprod.manifest(preprod.live()["digest"]).decode()
    preprod.put("release-1", f"{manifest} ")
    outcome = prod.clone.invoke(*PROMOTE, "--yes")
    preprod.put("release-1", manifest)
    refused(outcome, 4, "Version 1 of preprod-sse-streaming is live, and was never verified", "release-1 names sha256:")


def test_a_commit_s_tag_that_names_another_image_in_the_target_is_refused(places):
    preprod, prod = places
    live = preprod.live()
    manifest = prod.manifest(live["digest"]).decode()
    prod.put(live["commit"], f"{manifest} ")
    outcome = prod.clone.invoke(*PROMOTE, "--yes")
    refused(outcome, 4, f"prod-sse-streaming-lambda:{live['commit']} is another image already.", live["digest"])
    assert prod.tags()[live["commit"]] != live["digest"]
    prod.put(live["commit"], manifest)


def test_what_everyone_has_not_got_is_neither_deployed_to_prod_nor_promoted(places):
    clone = places[1].clone
    head = clone.head()
    clone.git("checkout", "--quiet", "-b", "feature")
    (clone.root / SOURCE).write_text((clone.root / SOURCE).read_text() + "\n# not merged\n")
    mine = clone.commit("not merged")
    outcome = clone.invoke("deploy", "--env", "prod", "--yes")
    clone.git("checkout", "--quiet", "main")
    assert clone.head() == head
    refused(outcome, 4, f"Commit {mine[:12]} is not on the default branch.", "It is not on main.")


def test_a_digest_that_is_gone_from_the_source_is_reported(places):
    preprod, prod = places
    ids = [{"imageDigest": preprod.live()["digest"]}]
    preprod.client("ecr").batch_delete_image(repositoryName=preprod.repository, imageIds=ids)
    refused(prod.clone.invoke(*PROMOTE, "--yes"), 5, "is gone from the registry", "invoke deploy --env preprod")


def test_a_repository_of_another_account_is_not_the_target_s(places):
    outcome = places[0].clone.invoke(
        "promote",
        "--from",
        "sandbox",
        "--to",
        "prod",
        "--yes",
        INVOKE_ENVIRONMENTS_PROD_VARIABLES_AWS_ACCESS_KEY_ID="333333333333",
    )
    refused(outcome, 4, "belong to account 333333333333; prod is 222222222222")
