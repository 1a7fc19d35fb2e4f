"""The OpenAPI documents of a server, or of a folder in which they were kept."""
import json
import os
import ssl
import urllib.error
import urllib.request

ANSWER_SECONDS = 30
V2 = "v2"


class Server:
    """A running server; without `ca` its certificate is not verified."""

    def __init__(self, url, token=None, ca=None):
        self.url, self.token = url.rstrip("/"), token
        self.context = ssl.create_default_context(cafile=ca)
        if not ca:
            self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def get(self, path, headers=None):
        """The status, the headers and the bytes of an answer."""
        request = urllib.request.Request(self.url + path, headers=headers or {})
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        opener = urllib.request.build_opener(
            Stay(), urllib.request.HTTPSHandler(context=self.context))
        try:
            with opener.open(request, timeout=ANSWER_SECONDS) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()

    def json(self, path):
        status, headers, body = self.get(path, {"Accept": "application/json"})
        if status != 200:
            raise SystemExit(f"GET {self.url}{path}: {status} {body[:200]!r}")
        return json.loads(body)

    def documents(self):
        """All documents by their paths below /openapi."""
        index = self.json("/openapi/v3")["paths"]
        found = {f"v3/{path}": self.json(entry["serverRelativeURL"])
                 for path, entry in index.items()}
        found[V2] = self.json("/openapi/v2")
        return found


class Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def redirect_request(self, *_):
        return None


class Folder:
    """Documents that were kept: `v2.json`, and `v3-GROUP-VERSION.json` with `-` for `/`."""

    def __init__(self, path):
        self.path = path

    def documents(self):
        found = {}
        for name in sorted(os.listdir(self.path)):
            document, extension = os.path.splitext(name)
            if extension == ".json" and document != "v3-index":
                with open(os.path.join(self.path, name), encoding="utf-8") as file:
                    found[document.replace("-", "/")] = json.load(file)
        return found


def source(text, token=None, ca=None):
    return Server(text, token, ca) if "://" in text else Folder(text)
