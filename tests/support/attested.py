"""Attestations of the image of support/registry.py, in the fake registry of one repository."""

import json

from delivery.attestation import PROVENANCE, SBOM, Bundle, Statement, signed_bytes
from delivery.aws import ecr, kms, referrers
from delivery.aws.distribution import Repository
from delivery.aws.referrers import Referrer
from delivery.reference import PushedImage
from support.registry import digest_of, image

TEXT, BLOBS = image()
DIGEST = digest_of(TEXT.encode())
COMMIT = "c" * 40
BUILDER = "https://github.com/o/n/.github/workflows/deploy.yml@refs/heads/main"
SOURCE = "git+https://github.com/o/n@refs/heads/main"
KEY = "awskms:///alias/images"


def provenance(commit=COMMIT, builder=BUILDER, source=SOURCE):
    """The predicate of a provenance, as far as it is compared."""
    dependencies = [
        {"uri": source, "digest": {"gitCommit": commit}},
        {"uri": "docker://python", "digest": {"sha256": "a" * 64}},
    ]
    return {
        "buildDefinition": {"resolvedDependencies": dependencies},
        "runDetails": {"builder": {"id": builder}},
    }


class Attested:
    """The image in one repository of a fake ECR, with what is attached to it. `aws`: the account that has both."""

    def __init__(self, aws, registry, name="app"):
        self.aws, self.registry, self.name = aws, registry, name
        aws.ecr.repositories.setdefault(name, {})[DIGEST] = TEXT
        registry.blobs[name] = dict(BLOBS)
        self.image = PushedImage("app", f"registry.test:5000/{name}", DIGEST)

    def attach(self, kind, predicate, *, digest=DIGEST, key=KEY, about=COMMIT):
        """Attach a signed statement; `about`: the commit in the annotation."""
        payload = Statement(kind, self.name, digest, predicate).payload()
        read = kms.read(self.aws, key)
        bundle = Bundle.made(payload, kms.sign(self.aws, read, signed_bytes(payload)), read.hint)
        return self.put(bundle.content, kind, about)

    def put(self, content, kind=PROVENANCE, about=COMMIT):
        """Attach any bytes as a bundle."""
        repository = Repository(ecr.authorize(self.aws), self.name)
        referrer = Referrer("", kind, about if kind == PROVENANCE else "")
        return referrers.attach(repository, self.image, content, referrer)

    def sign(self, **changes):
        """Attach an SBOM and a provenance as a workflow does. `changes`: of the provenance."""
        self.attach(SBOM, {"bomFormat": "CycloneDX"})
        return self.attach(PROVENANCE, provenance(**changes))

    def kinds(self):
        """The kinds of what is attached, as annotated."""
        texts = self.aws.ecr.repositories[self.name].values()
        documents = [json.loads(text) for text in texts if '"subject"' in text]
        return sorted(each["annotations"]["dev.sigstore.bundle.predicateType"] for each in documents)
