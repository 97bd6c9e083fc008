"""A driver for Python's urllib.request: linger check-client --driver -- python3 python_urllib.py"""

import hashlib
import json
import sys
import urllib.request


def fetch(method: str, url: str, file: str = "") -> dict[str, object]:
    """Make a request; returns the answer to it."""
    body = open(file.strip(), "rb").read() if file else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method)) as reply:
            content = reply.read()
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        status = getattr(error, "code", None)
        return {"ok": False, "status": status, "bytes": 0, "sha256": None, "error": told}
    digest = hashlib.sha256(content).hexdigest()
    return {"ok": True, "status": reply.status, "bytes": len(content), "sha256": digest, "error": None}


for line in sys.stdin:
    if line.strip() == "QUIT":
        break
    print(json.dumps(fetch(*line.split(maxsplit=2))), flush=True)
