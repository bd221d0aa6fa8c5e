"""Sigstore: the signer is a workflow, which a certificate of ten minutes names. There is no key to keep or to lose.

The names of the repository and of the workflow, and the digest, go to a public log:
https://docs.sigstore.dev/about/security/.
The variable SIGSTORE_TRUST_CONFIG names the file of another Sigstore than the public one, such as a private one, in
the format of `sigstore --trust-config`. This is the only module that imports sigstore.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import urllib3
from sigstore import dsse, errors, models, oidc
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

from delivery.attestation import Bundle
from delivery.aws.connections import Connections
from delivery.errors import CloudError, ConfigurationError

_AUDIENCE = "sigstore"  # https://docs.sigstore.dev/certificate_authority/oidc-in-fulcio/
_PUBLIC = "https://github.com"
_TRUST = "SIGSTORE_TRUST_CONFIG"
_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_PERMISSION = "`id-token: write` in the permissions of the job, then run the job again"


@dataclass(frozen=True)
class KeylessSigner:
    """A workflow. `identity`: as its certificate names it, https://SERVER/OWNER/NAME/.github/workflows/FILE@REF.

    `variables`: those of the job; only a job of this very workflow can sign. `connections`: for the token.
    """

    identity: str
    variables: Mapping[str, str]
    connections: Connections

    def sign(self, payload: bytes) -> Bundle:
        """The bundle of a payload, with a certificate and an entry of the log. Raises CloudError."""
        token = _token(self.variables, self.connections)
        try:
            context = SigningContext.from_trust_config(_trust(self.variables))
            with context.signer(oidc.IdentityToken(token)) as signer:
                made = signer.sign_dsse(dsse.Statement(payload))
        except ConfigurationError:
            raise
        except Exception as error:
            raise _failure("sign", error) from error
        return Bundle.parse(made.to_json().encode())

    def verifies(self, bundle: Bundle) -> bool:
        """Whether this workflow signed it, as the log records. Raises CloudError."""
        if bundle.hint:
            return False
        try:
            verifier = Verifier(trusted_root=_trust(self.variables).trusted_root)
        except errors.Error as error:
            raise _failure("verify a signature", error) from error
        who = policy.Identity(identity=self.identity, issuer=_issuer(self.identity))
        try:
            _, payload = verifier.verify_dsse(models.Bundle.from_json(bundle.content), who)
        except (errors.Error, ValueError, TypeError):  # a certificate that is none raises ValueError
            return False
        return payload == bundle.payload


def _token(variables: Mapping[str, str], connections: Connections) -> str:
    """The token of the job for Sigstore: GitHub docs, "OpenID Connect reference", "Methods for requesting"."""
    url = f"{variables['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={_AUDIENCE}"
    headers = {"Authorization": f"Bearer {variables['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    try:
        pool = connections.pool(url, timeout=_TIMEOUT)
        answer = pool.request("GET", url, headers=headers, preload_content=True, redirect=False)
        if answer.status != 200:
            raise CloudError(f"GitHub answered {answer.status} to the request for a token.", "", _PERMISSION)
        return str(json.loads(answer.data)["value"])
    except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError) as error:
        raise CloudError("GitHub gave this job no token for Sigstore.", str(error), _PERMISSION) from error


def _trust(variables: Mapping[str, str]) -> models.ClientTrustConfig:
    file = variables.get(_TRUST)
    if not file:
        return models.ClientTrustConfig.production()
    try:
        return models.ClientTrustConfig.from_json(Path(file).read_text())
    except (OSError, ValueError, errors.Error) as error:
        raise ConfigurationError(f"{_TRUST} cannot be read.", str(error)[:500], f"correct {_TRUST}: {file}") from error


def _issuer(identity: str) -> str:
    """Who names the workflows of a server: GitHub docs, "OpenID Connect reference", of github.com and of a server."""
    server = "/".join(identity.split("/")[:3])
    return "https://token.actions.githubusercontent.com" if server == _PUBLIC else f"{server}/_services/token"


def _failure(doing: str, error: Exception) -> CloudError:
    hint = "check the network, then run the same command again; https://status.sigstore.dev"
    return CloudError(f"Could not {doing} with Sigstore.", str(error)[:500] or type(error).__name__, hint)
