"""A driver for Python's requests: linger check-client --driver -- python3 python_requests.py"""

import hashlib
import json
import sys

import requests

session = requests.Session()


def fetch(method: str, url: str, file: str = "") -> dict[str, object]:
    """Make a request; returns the answer to it."""
    try:
        reply = session.request(method, url, data=open(file.strip(), "rb").read() if file else None)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        return {"ok": False, "status": None, "bytes": 0, "sha256": None, "error": told}
    digest = hashlib.sha256(reply.content).hexdigest()
    return {
        "ok": reply.ok, "status": reply.status_code, "bytes": len(reply.content), "sha256": digest,
        "error": None if reply.ok else reply.reason,
    }  # fmt: skip


for line in sys.stdin:
    if line.strip() == "QUIT":
        break
    print(json.dumps(fetch(*line.split(maxsplit=2))), flush=True)
