"""Signing in a push: what is signed, when, by whom, and what is not signed."""

import json
from dataclasses import replace

import pytest
from botocore import exceptions
from support import world as world_
from support.attested import BUILDER, KEY
from support.aws import FakeAws, refusal
from support.build import CONFIG, CONFIG_DIGEST, DIGEST, manifest
from support.registry import FakeRegistry
from support.world import COMMIT, IMAGE, NAME, OLD_DIGEST, PUSHED, answers, world

from delivery.attestation import PROVENANCE, SBOM, Bundle
from delivery.errors import BuildError, CloudError, ConfigurationError, RefusedError
from delivery.image import push, sbom, signer, trust
from delivery.settings import Requires

WORKFLOW = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "o/n",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_WORKFLOW_REF": "o/n/.github/workflows/deploy.yml@refs/heads/main",
}


class Signing:
    """The world of a push in a workflow that signs, with a registry that keeps what it gets."""

    def __init__(self, root, monkeypatch, **changes):
        self.world = world(root, answers(), **{"sign_with": KEY, **changes})
        self.world.shell.variables |= WORKFLOW
        self.run, self.aws, self.ecr = self.world.run, self.world.aws, self.world.aws.ecr
        self.registry = FakeRegistry(self.ecr).install(monkeypatch)
        self.registry.blobs[NAME] = {CONFIG_DIGEST: json.dumps(CONFIG).encode()}
        world_.start(monkeypatch)
        self.made = []
        monkeypatch.setattr(sbom, "make", self._sbom)

    def _sbom(self, image, open_blob, how):
        self.made.append((image.name, bool(open_blob), how.target))
        return {"bomFormat": "CycloneDX"}

    def push(self):
        return push.push(self.run, (IMAGE,))

    def complete(self):
        push.complete(self.run, (IMAGE,), (PUSHED,))

    def bundles(self):
        """The bundles beside the image, by the kind of their statement."""
        result = {}
        for text in self.ecr.repositories[NAME].values():
            if '"subject"' in text:
                (layer,) = json.loads(text)["layers"]
                bundle = Bundle.parse(self.registry.blobs[NAME][layer["digest"]])
                result.setdefault(bundle.statement().kind, []).append(bundle.statement())
        return result

    def require(self, **changes):
        """What an environment that requires this signature says."""
        settings = replace(self.run.settings, requires=Requires(**{"signed_by": [KEY], "builder": BUILDER, **changes}))
        object.__setattr__(self.run, "settings", settings)
        trust.require(self.run, self.aws, PUSHED, COMMIT)


@pytest.fixture
def signing(tmp_path, monkeypatch):
    return Signing(tmp_path, monkeypatch)


def test_a_profile_of_its_own_signs_and_the_credentials_of_the_environment_do_not(tmp_path, monkeypatch):
    signing = Signing(tmp_path, monkeypatch, sign_profile="signer")
    signing.aws.profiles["signer"] = signer = FakeAws()
    signing.push()
    assert set(signing.bundles()) == {PROVENANCE, SBOM}
    assert (len(signer.keys.called("sign")), signing.aws.keys.calls) == (2, [])


def test_a_pushed_image_is_signed_before_it_gets_the_tag_of_its_commit(signing):
    assert signing.push() == (PUSHED,)
    assert {kind: len(found) for kind, found in signing.bundles().items()} == {PROVENANCE: 1, SBOM: 1}
    assert list(signing.ecr.tags)[-1] == (NAME, COMMIT)
    assert f"(26.5 MB compressed, 2 layers), signed by {KEY}" in signing.world.out.getvalue()
    signing.require()


def test_the_statements_name_the_digest_the_commit_and_the_workflow(signing):
    signing.push()
    (provenance,), (bom,) = signing.bundles()[PROVENANCE], signing.bundles()[SBOM]
    assert (provenance.digest, bom.digest, bom.predicate) == (DIGEST, DIGEST, {"bomFormat": "CycloneDX"})
    assert provenance.predicate["runDetails"]["builder"] == {"id": BUILDER}
    first = provenance.predicate["buildDefinition"]["resolvedDependencies"][0]
    assert first == {"uri": "git+https://github.com/o/n@refs/heads/main", "digest": {"gitCommit": COMMIT}}


def test_without_the_setting_nothing_is_signed_and_the_summary_says_so(tmp_path, monkeypatch):
    signing = Signing(tmp_path, monkeypatch, sign_with="")
    signing.push()
    assert (signing.bundles(), signing.aws.keys.calls, signing.made) == ({}, [], [])
    assert "2 layers), not signed" in signing.world.out.getvalue()


def test_a_dirty_work_tree_is_not_signed(tmp_path, monkeypatch):
    signing = Signing(tmp_path, monkeypatch, dirty=True)
    signing.push()
    assert (signing.bundles(), signing.aws.keys.calls) == ({}, [])
    assert "2 layers), not signed" in signing.world.out.getvalue()


def test_a_no_op_asks_neither_kms_nor_for_attestations(signing):
    signing.push()
    calls = len(signing.aws.keys.calls), len(signing.ecr.called("list_image_referrers"))
    signing.push()
    assert (len(signing.aws.keys.calls), len(signing.ecr.called("list_image_referrers"))) == calls
    assert f"push       sse-streaming {DIGEST[:19]} unchanged  " in signing.world.out.getvalue()


def test_another_commit_of_the_same_image_gets_a_provenance_of_its_own_and_no_second_sbom(signing):
    signing.push()
    object.__setattr__(signing.run.commit, "sha", "d" * 40)
    signing.push()
    assert {kind: len(found) for kind, found in signing.bundles().items()} == {PROVENANCE: 2, SBOM: 1}
    assert len(signing.made) == 1, "the SBOM is there"
    assert "unchanged, signed by" in signing.world.out.getvalue()


def test_a_known_image_without_an_sbom_gets_the_one_of_its_layers_in_the_registry(signing):
    signing.ecr.repositories[NAME][DIGEST] = manifest()
    signing.aws.configs.clear()
    signing.push()
    assert signing.made == [(PUSHED.uri, True, "sse-streaming")]
    signing.require()


def test_a_run_that_was_cut_off_before_the_signature_leaves_no_tag_and_the_next_run_signs(signing):
    signing.aws.keys.refuses["sign"] = exceptions.EndpointConnectionError(endpoint_url="https://kms.test")
    with pytest.raises(CloudError) as caught:
        signing.push()
    assert (caught.value.exit_code, "kms:Sign" in caught.value.what) == (8, True)
    assert (NAME, COMMIT) not in signing.ecr.tags
    del signing.aws.keys.refuses["sign"]
    signing.push()
    signing.require()
    assert signing.ecr.tags[NAME, COMMIT] == DIGEST


def test_a_key_that_may_not_be_used_is_named_with_the_action(signing):
    message = "User: arn:aws:iam::1:user/a is not authorized to perform: kms:Sign on resource: arn"
    signing.aws.keys.refuses["sign"] = refusal("AccessDeniedException", message)
    with pytest.raises(CloudError) as caught:
        signing.push()
    assert caught.value.what.startswith(f"Could not sign with {KEY} (kms:Sign)")
    assert caught.value.hint.startswith("ask for kms:Sign")


def test_what_is_signed_before_is_not_signed_again(signing):
    signing.push()
    signed = len(signing.aws.keys.called("sign"))
    signing.complete()
    assert len(signing.aws.keys.called("sign")) == signed
    assert signing.world.stages()[-1] == "push"


def test_an_unsigned_image_with_the_tag_of_the_commit_is_built_again_and_signed(signing):
    """It was pushed before `sign_with` was set, or by a key that is replaced."""
    signing.ecr.repositories[NAME][DIGEST] = manifest()
    signing.ecr.tags[NAME, COMMIT] = DIGEST
    signing.complete()
    assert signing.world.stages() == ["sign"]
    assert f"sse-streaming {DIGEST[:19]} built again, and signed by {KEY}" in signing.world.out.getvalue()
    signing.require()


def test_an_image_that_the_commit_does_not_build_is_never_signed_though_it_has_its_tag(signing):
    """Whoever may push can tag any image with a merged commit."""
    foreign = replace(PUSHED, digest=OLD_DIGEST)
    with pytest.raises(RefusedError) as caught:
        push.complete(signing.run, (IMAGE,), (foreign,))
    assert caught.value.what == f"{NAME}:{COMMIT} is not the image that this commit builds, so it is not signed."
    assert (signing.aws.keys.called("sign"), signing.bundles()) == ([], {})


def test_a_person_does_not_sign_again_what_the_workflow_signed(signing):
    signing.push()
    for name in WORKFLOW:
        del signing.world.shell.variables[name]
    signing.complete()
    assert {kind: len(found) for kind, found in signing.bundles().items()} == {PROVENANCE: 1, SBOM: 1}


def test_the_workflow_signs_what_a_person_signed_because_an_environment_may_require_the_workflow(signing):
    variables = dict(signing.world.shell.variables)
    signing.world.shell.variables.clear()
    signing.push()
    signing.world.shell.variables |= variables
    with pytest.raises(RefusedError, match="no trusted provenance"):
        signing.require()
    signing.complete()
    signing.require()


def test_a_layer_that_cannot_be_read_leaves_the_image_unsigned_and_untagged(signing, monkeypatch):
    def broken(*_):
        raise BuildError("The layer cannot be read.", "", "build again")

    monkeypatch.setattr(sbom, "make", broken)
    with pytest.raises(BuildError):
        signing.push()
    assert (signing.bundles(), (NAME, COMMIT) in signing.ecr.tags) == ({}, False)


def test_without_a_key_only_a_job_of_a_workflow_signs_and_nothing_is_built_elsewhere(tmp_path, monkeypatch):
    signing = Signing(tmp_path, monkeypatch, sign_with="keyless")
    with pytest.raises(ConfigurationError) as caught:
        signing.push()
    assert caught.value.exit_code == 2
    assert "ACTIONS_ID_TOKEN_REQUEST_URL, ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set" in caught.value.why
    assert "`id-token: write`" in caught.value.hint
    assert "INVOKE_BUILD_SIGN_WITH=" in caught.value.hint
    assert signing.world.shell.ran == []


def test_without_a_key_the_workflow_itself_is_the_signer(tmp_path, monkeypatch):
    signing = Signing(tmp_path, monkeypatch, sign_with="keyless")
    token = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.test", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "hush"}
    signing.world.shell.variables |= token
    by = signer.of_settings(signing.run)
    assert (type(by).__name__, by.identity) == ("KeylessSigner", BUILDER)
    assert signing.aws.keys.calls == []
