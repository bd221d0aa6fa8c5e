"""Store each answer that boto3 gets from AWS as a JSON document, with everything private replaced.

This sees the calls of the tasks and of the tests. It does not see those of Terraform's provider and of docker, which
are other programs. The tasks do not know of it: `sitecustomize.py` beside this file installs it in their process.
"""

import datetime
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore import handlers

FOLDER = "REAL_ANSWERS"
"""The variable that names the folder; without it, nothing is stored."""

# Keys (in lower case) whose value is private whatever it looks like.
_SECRET = frozenset(
    ("secretaccesskey", "sessiontoken", "authorizationtoken", "userid", "password", "nexttoken", "marker")
)
_PRIVATE = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # IAM user guide, "IAM identifiers", unique ID prefixes
        (
            r"\b(AKIA|ASIA|AROA|AIDA|AGPA|ANPA|AIPA|ANVA|ASCA|APKA)[A-Z0-9]{12,}",
            r"\1PRIVATEPRIVATE",
        ),  # as long as such an ID
        (r"\b(X-Amz-[A-Za-z-]+|Signature|AWSAccessKeyId)=[^&\s\"']+", r"\1=PRIVATE"),
        (r":assumed-role/[^\s\"']+", ":assumed-role/PRIVATE"),
        (r":user/[^\s\"']+", ":user/PRIVATE"),
        (r"[\w.+-]+@[\w-]+\.[\w.-]+", "private@example.com"),
        (r"\b[a-z0-9]{32}\.lambda-url\.", "private.lambda-url."),
    )
)
_ACCOUNT = re.compile(r"(?<![0-9a-f])\d{12}(?![0-9a-f])")  # not twelve digits of a digest
_STAND_INS = "111111111111", "222222222222", "333333333333"


def install(environ: Mapping[str, str]) -> None:
    """Store the answers of every boto3 session that this process makes from now on, if FOLDER is set."""
    if folder := environ.get(FOLDER):
        accounts = environ.get("REAL_PREPROD_ACCOUNT", ""), environ.get("REAL_PROD_ACCOUNT", "")

        def store(parsed: Any, model: Any, **_: Any) -> None:
            write(Path(folder), model.service_model.service_name, model.name, private(parsed, accounts))

        # botocore gives these handlers to each new session. `after-call` comes with errors of AWS too.
        handlers.BUILTIN_HANDLERS.append(("after-call", store))


def write(folder: Path, service: str, operation: str, answer: Any) -> None:
    """Write one answer; the same answer to the same operation is one file."""
    text = json.dumps({"service": service, "operation": operation, "answer": answer}, indent=1, sort_keys=True)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{service}.{operation}.{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    (folder / name).write_text(text + "\n", encoding="utf-8")


def private(value: Any, accounts: tuple[str, ...] = ()) -> Any:
    """The answer as JSON, without secrets, names of persons, accounts and what only support can read.

    `accounts`: numbers that keep apart; every other account becomes the same third number.
    """
    if isinstance(value, Mapping):
        return {str(key): _member(str(key), item, accounts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [private(item, accounts) for item in value]
    if isinstance(value, str):
        return _text(value, accounts)
    if isinstance(value, bytes):
        return {"bytes": _text(value.decode("utf-8", "replace"), accounts)}
    if isinstance(value, datetime.datetime):
        return {"datetime": value.isoformat()}
    return value if value is None or isinstance(value, int | float) else {"stream": type(value).__name__}


def _member(key: str, value: Any, accounts: tuple[str, ...]) -> Any:
    if key == "ResponseMetadata":
        return {"HTTPStatusCode": value.get("HTTPStatusCode")}
    if key == "Owner" and isinstance(value, Mapping):  # S3: the canonical user, an obfuscated account number
        return dict.fromkeys(value, "PRIVATE")
    return "PRIVATE" if key.lower() in _SECRET else private(value, accounts)


def _text(text: str, accounts: tuple[str, ...]) -> str:
    for pattern, replacement in _PRIVATE:
        text = pattern.sub(replacement, text)
    for account, stand_in in zip(accounts, _STAND_INS, strict=False):
        text = text.replace(account, stand_in) if account else text
    return _ACCOUNT.sub(lambda found: found[0] if found[0] in _STAND_INS else _STAND_INS[2], text)


def restored(value: Any) -> Any:
    """A stored answer as boto3 gave it, but for what was replaced."""
    if isinstance(value, list):
        return [restored(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"datetime"}:
        return datetime.datetime.fromisoformat(value["datetime"])
    if set(value) == {"bytes"}:
        return value["bytes"].encode()
    return {key: restored(item) for key, item in value.items()}
