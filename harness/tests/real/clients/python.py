"""Drivers of `linger check-client` for libraries of Python: python.py LIBRARY."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import inspect
import io
import json
import ssl
import sys
from typing import Any
from urllib.parse import urlsplit

Reply = "tuple[int, bytes]"


def http_client() -> Any:
    """The standard library's http.client, one connection per server, as in its documentation."""
    kept: dict[str, http.client.HTTPConnection] = {}

    def fetch(method: str, url: str, body: bytes | None) -> Reply:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kept.setdefault(parts.netloc, kind(parts.netloc))
        connection.request(method, parts.path, body)
        reply = connection.getresponse()
        return reply.status, reply.read()

    return fetch


def urllib3() -> Any:
    import urllib3

    pool = urllib3.PoolManager(ca_certs=ssl.get_default_verify_paths().cafile)

    def fetch(method: str, url: str, body: bytes | None) -> Reply:
        reply = pool.request(method, url, body=body)
        return reply.status, reply.data

    return fetch


def httpx() -> Any:
    import httpx

    client = httpx.Client()

    def fetch(method: str, url: str, body: bytes | None) -> Reply:
        reply = client.request(method, url, content=body)
        return reply.status_code, reply.content

    return fetch


def httplib2() -> Any:
    import httplib2

    client = httplib2.Http(ca_certs=ssl.get_default_verify_paths().cafile)

    def fetch(method: str, url: str, body: bytes | None) -> Reply:
        reply, content = client.request(url, method, body)
        return reply.status, content

    return fetch


def pycurl() -> Any:
    import pycurl

    curl = pycurl.Curl()

    def fetch(method: str, url: str, body: bytes | None) -> Reply:
        content = io.BytesIO()
        curl.reset()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.WRITEDATA, content)
        if body is not None:
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDSIZE, len(body))
            curl.setopt(pycurl.READDATA, io.BytesIO(body))
        curl.perform()
        return curl.getinfo(pycurl.RESPONSE_CODE), content.getvalue()

    return fetch


def aiohttp() -> Any:
    import aiohttp

    sessions: list[aiohttp.ClientSession] = []

    async def fetch(method: str, url: str, body: bytes | None) -> Reply:
        if not sessions:
            sessions.append(aiohttp.ClientSession())
        async with sessions[0].request(method, url, data=body) as reply:
            return reply.status, await reply.read()

    return fetch


def tornado() -> Any:
    from tornado.httpclient import AsyncHTTPClient

    async def fetch(method: str, url: str, body: bytes | None) -> Reply:
        client = AsyncHTTPClient(max_body_size=1 << 30)
        reply = await client.fetch(url, method=method, body=body, raise_error=True)
        return reply.code, reply.body

    return fetch


async def main(library: str) -> None:
    fetch = globals()[library]()
    loop = asyncio.get_running_loop()
    while (line := await loop.run_in_executor(None, sys.stdin.readline)).strip() not in ("QUIT", ""):
        method, url, *file = line.split(maxsplit=2)
        body = open(file[0].strip(), "rb").read() if file else None
        answer: dict[str, Any] = {"ok": False, "status": None, "bytes": 0, "sha256": None, "error": None}
        try:
            reply = fetch(method, url, body)
            status, content = await reply if inspect.isawaitable(reply) else reply
        except Exception as error:
            answer |= {"status": getattr(error, "code", None), "error": f"{type(error).__name__}: {error}"}
            answer["status"] = answer["status"] if isinstance(answer["status"], int) else None
        else:
            answer |= {"ok": status < 400, "status": status, "bytes": len(content)}
            answer["sha256"] = hashlib.sha256(content).hexdigest()
        print(json.dumps(answer), flush=True)


asyncio.run(main(sys.argv[1]))
