"""`linger lab-score --watch`: who has solved what, as a page for the projector.

It is served only on the loopback interface, rebuilt for each request, and reloads every few
seconds. Letters are at least a hundredth of the page's width high, so that the last row can read
them: a bar for each exercise that somebody has begun, and a number for each student.
"""

from __future__ import annotations

import html
import http.server
import time
from pathlib import Path
from typing import Any, Callable, Sequence

from linger.lab.errors import HELD, Usage, os_sentence
from linger.run import printer
from linger.workshop import score
from linger.workshop.texts import Text

REFRESH = 5  # s
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="{refresh}">
<title>linger: {done} solved</title>
<style>
body {{ font: 2.2vw/1.3 system-ui, sans-serif; margin: 1.5vw 3vw; color: #111; background: #fff }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ padding: .15em .3em; text-align: left }}
th {{ font-weight: 600; white-space: nowrap; width: 1% }} .count {{ white-space: nowrap; width: 1% }}
.bar {{ background: #eee; height: 1.1em; display: flex }}
.done {{ background: #1a7f37 }} .begun {{ background: #e3b341 }}
p {{ display: flex; flex-wrap: wrap; gap: .3em 1.2em }} .all {{ color: #1a7f37; font-weight: 600 }}
footer {{ color: #555; font-size: 1.4vw }}
</style>
<table>{exercises}</table>
<p>{students}</p>
<footer>{when}. Green: solved, yellow: begun, of {count} students.</footer>
</html>
"""


def page(scores: Sequence[score.Score], course: Sequence[Text], now: float) -> str:
    """The page. scores: as of score.collect(); now: seconds since 1970."""
    rows = []
    for text in course:
        mine = [one["labs"][text.name] for one in scores if text.name in one["labs"]]
        if mine:
            solved = sum(bool(lab["solved"]) for lab in mine)
            rows.append(_bar(text.name, solved, len(mine) - solved, len(scores)))
    people = [(one["who"], sum(bool(lab["solved"]) for lab in one["labs"].values()), len(one["labs"]))
              for one in scores]  # fmt: skip
    return PAGE.format(
        refresh=REFRESH,
        done=sum(solved for _, solved, _ in people),
        exercises="\n".join(rows) or "<tr><td>Nobody has begun yet.",
        students="\n".join(
            f"<span{' class=all' if solved == begun > 0 else ''}>{html.escape(who)} {solved}</span>"
            for who, solved, begun in sorted(people)
        ),
        when=time.strftime("%H:%M:%S", time.localtime(now)),
        count=len(scores),
    )


def _bar(name: str, solved: int, begun: int, of: int) -> str:
    parts = "".join(f'<div class={kind} style="width: {100 * count / of:.1f}%"></div>'
                    for kind, count in (("done", solved), ("begun", begun)))  # fmt: skip
    return (f"<tr><th scope=row>{html.escape(name)}<td class=count>{solved} of {of}"
            f"<td><div class=bar>{parts}</div>")  # fmt: skip


class Server(http.server.ThreadingHTTPServer):
    """Answers each browser on this machine with the current page."""

    daemon_threads = True

    def __init__(self, port: int, make: Callable[[], str]) -> None:
        """port: to listen on, 0 for a free one; make: returns the page. Errors: Usage for a taken one."""
        self.make = make
        try:
            super().__init__(("127.0.0.1", port), Handler)
        except (OSError, OverflowError) as error:
            why = os_sentence(error) if isinstance(error, OSError) else str(error)
            raise Usage(f"cannot serve on port {port}: {why}; choose another with --port") from None

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        """Answer with the page; there is nothing else."""
        found = self.path == "/"
        content = (self.server.make() if found else "not found").encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", f"text/{'html' if found else 'plain'}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Do not log requests."""


def serve(folders: Sequence[Path], course: Sequence[Text], port: int) -> int:
    """Serve the page until ^C; returns the exit code. Errors: Usage."""
    def make() -> str:
        return page(score.collect(folders, course, False, Path()), course, time.time())

    with Server(port, make) as server:
        printer.say(f"{server.address} shows who has solved what; stop it with ^C")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            printer.say()
    return HELD
