"""Keys of KMS: what signs, what verifies, and what is said when KMS refuses or cannot be reached."""

import hashlib

import pytest
from botocore import exceptions
from support.aws import FakeAws, refusal

from delivery.aws import kms
from delivery.errors import CloudError, ConfigurationError

NAME = "awskms:///alias/images"
ARN = "arn:aws:kms:eu-west-1:222222222222:alias/images"
DENIED = (
    "User: arn:aws:sts::111111111111:assumed-role/ci/x is not authorized to perform: kms:{} on resource: arn:aws:kms"
)


@pytest.fixture
def aws():
    return FakeAws()


def test_a_signature_of_a_key_verifies_for_the_signed_bytes_and_for_no_other(aws):
    key = kms.read(aws, NAME)
    signature = kms.sign(aws, key, b"message")
    assert kms.verifies(aws, key, b"message", signature)
    assert not kms.verifies(aws, key, b"another", signature)


def test_another_key_does_not_verify_it(aws):
    aws.keys.keys["alias/other"] = "other"
    signature = kms.sign(aws, kms.read(aws, "awskms:///alias/other"), b"message")
    assert not kms.verifies(aws, kms.read(aws, NAME), b"message", signature)


@pytest.mark.parametrize("signature", [b"", b"x" * 6145])
def test_a_signature_that_kms_would_not_take_is_not_sent(aws, signature):
    assert not kms.verifies(aws, kms.read(aws, NAME), b"message", signature)
    assert aws.keys.called("verify") == []


@pytest.mark.parametrize(
    ("spec", "algorithm", "hashing"),
    [
        ("ECC_NIST_P256", "ECDSA_SHA_256", "sha256"),
        ("ECC_NIST_P384", "ECDSA_SHA_384", "sha384"),
        ("ECC_NIST_P521", "ECDSA_SHA_512", "sha512"),
        ("RSA_4096", "RSASSA_PKCS1_V1_5_SHA_256", "sha256"),
    ],
)
def test_the_kind_of_key_decides_the_algorithm_and_the_digest_is_signed(aws, spec, algorithm, hashing):
    aws.keys.specs["images"] = (spec, "SIGN_VERIFY")
    key = kms.read(aws, NAME)
    assert kms.verifies(aws, key, b"message", kms.sign(aws, key, b"message"))
    (signed,), (verified,) = aws.keys.called("sign"), aws.keys.called("verify")
    assert {signed["SigningAlgorithm"], verified["SigningAlgorithm"]} == {algorithm}
    assert {signed["Message"], verified["Message"]} == {hashlib.new(hashing, b"message").digest()}


@pytest.mark.parametrize(
    "key", [("RSA_2048", "ENCRYPT_DECRYPT"), ("ECC_SECG_P256K1", "SIGN_VERIFY"), ("SYMMETRIC_DEFAULT", "")]
)
def test_a_key_that_cannot_sign_images_is_refused(aws, key):
    aws.keys.specs["images"] = key
    with pytest.raises(ConfigurationError, match="alias/images cannot sign images") as caught:
        kms.read(aws, NAME)
    assert "ECC_NIST_P256" in caught.value.why


def test_a_key_of_another_region_is_asked_for_in_its_region(aws):
    aws.keys.keys[ARN] = "images"
    key = kms.read(aws, f"awskms:///{ARN}")
    assert kms.verifies(aws, key, b"message", kms.sign(aws, key, b"message"))
    assert set(aws.keys.regions) == {"eu-west-1"}


def test_two_names_of_one_key_have_one_hint(aws):
    aws.keys.keys[ARN] = "images"
    assert kms.read(aws, f"awskms:///{ARN}").hint == kms.read(aws, NAME).hint


@pytest.mark.parametrize(
    ("operation", "action"), [("get_public_key", "GetPublicKey"), ("sign", "Sign"), ("verify", "Verify")]
)
@pytest.mark.parametrize("named", [True, False])
def test_a_refused_call_names_its_action_and_the_key(aws, operation, action, named):
    key = kms.read(aws, NAME)
    message = DENIED.format(action) if named else "The caller has no access to the key"
    aws.keys.refuses[operation] = refusal("AccessDeniedException", message)
    calls = {
        "get_public_key": lambda: kms.read(aws, NAME),
        "sign": lambda: kms.sign(aws, key, b"message"),
        "verify": lambda: kms.verifies(aws, key, b"message", b"signature"),
    }
    with pytest.raises(CloudError) as caught:
        calls[operation]()
    assert caught.value.exit_code == 8
    assert f"kms:{action}" in caught.value.what
    assert NAME in caught.value.what
    assert (f"ask for kms:{action}" in caught.value.hint) == named


def test_an_unreachable_kms_is_no_signature_that_is_wrong(aws):
    key = kms.read(aws, NAME)
    aws.keys.refuses["verify"] = exceptions.EndpointConnectionError(endpoint_url="https://kms.test")
    with pytest.raises(CloudError, match=r"kms:Verify.*cannot be reached"):
        kms.verifies(aws, key, b"message", b"signature")


def test_a_missing_key_is_named(aws):
    with pytest.raises(CloudError, match="alias/gone"):
        kms.read(aws, "awskms:///alias/gone")
