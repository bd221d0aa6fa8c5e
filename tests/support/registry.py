"""A registry in memory: what `urllib3` would get from one. Its manifests are those of the fake ECR."""

import hashlib
import io
import json
from urllib.parse import parse_qs, urlsplit

import urllib3

KIND = "application/vnd.oci.image.manifest.v1+json"
CONFIG = json.dumps({"os": "linux", "architecture": "amd64", "config": {"User": "1", "Cmd": ["x"]}}).encode()
LAYERS = (b"base " * 500_000, b"app " * 100)


def digest_of(content):
    """The digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def image():
    """An image whose digests are true: the text of its manifest, and its blobs by digest."""
    blobs = {digest_of(content): content for content in (*LAYERS, CONFIG)}
    parts = [{"digest": digest, "size": len(content)} for digest, content in blobs.items()]
    document = {"schemaVersion": 2, "mediaType": KIND, "config": parts[2], "layers": parts[:2]}
    return json.dumps(document, indent=3), blobs


class FakeRegistry:
    """`ecrs`: whose repositories it serves. `answers`: what the next requests get, by method and a part of the path."""

    def __init__(self, *ecrs, mounts=False):
        self.ecrs, self.mounts = ecrs, mounts
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[str, str, object]] = []

    def install(self, monkeypatch):
        """Make it what every registry request reaches."""

        def request(pool, method, url, **options):
            del pool
            assert set(options) <= {"body", "headers", "retries", "redirect", "preload_content"}, options
            return self._answer(method, url, options.get("body"), dict(options["headers"]))

        monkeypatch.setattr(urllib3.PoolManager, "request", request)
        return self

    def typed(self, method):
        """The paths that were asked for with one method, in order."""
        return [path for asked, path in self.asked if asked == method]

    def _answer(self, method, url, body, headers):
        parts = urlsplit(url)
        name, _, rest = parts.path.removeprefix("/v2/").partition("/")
        self.asked.append((method, parts.path + (f"?{parts.query}" if parts.query else "")))
        self.headers.append(headers)
        sent = body if isinstance(body, bytes) else b"".join(body or ())
        for index, (wanted, part, answer) in enumerate(self.answers):
            if method == wanted and part in parts.path:
                del self.answers[index]
                if isinstance(answer, Exception):
                    raise answer
                return answer if isinstance(answer, urllib3.HTTPResponse) else response(answer)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        kind, _, reference = rest.partition("/")
        if kind == "manifests":
            return self._manifest(method, name, reference, sent)
        return self._blob(method, name, reference, query, sent)

    def _manifest(self, method, name, digest, sent):
        ecr = next(ecr for ecr in self.ecrs if name in ecr.repositories)
        held = ecr.repositories[name]
        if method == "PUT":
            subject = json.loads(sent).get("subject", {}).get("digest")
            if subject and subject not in held:
                return response(405, b"The subject does not exist")
            if digest.startswith("sha256:"):
                assert digest == digest_of(sent)
            else:
                ecr.tags[name, digest] = digest_of(sent)
            held[digest_of(sent)] = sent.decode()
            return response(201)
        return response(200, held[digest].encode(), {"Content-Type": KIND}) if digest in held else response(404)

    def _blob(self, method, name, reference, query, sent):
        held = self.blobs.setdefault(name, {})
        if method == "POST":
            if self.mounts and query.get("mount") in self.blobs.get(query.get("from"), {}):
                held[query["mount"]] = self.blobs[query["from"]][query["mount"]]
                return response(201)
            return response(202, b"", {"Location": f"/v2/{name}/blobs/uploads/1?state=x"})
        if method == "PUT":
            if digest_of(sent) != query["digest"]:
                return response(400, b"DIGEST_INVALID")
            held[query["digest"]] = sent
            return response(201)
        result = held.get(reference)
        return response(404) if result is None else response(200, b"" if method == "HEAD" else result)


def response(status, body=b"", headers=None):
    """An answer as urllib3 gives it."""
    return urllib3.HTTPResponse(io.BytesIO(body), headers=headers or {}, status=status, preload_content=False)
