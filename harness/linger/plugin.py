"""The pytest plugin: the `lab` fixture and the evidence of each test.

A scenario is an ordinary pytest test, so selection, JUnit and xdist come for free. The plugin
runs inside the sandbox (`build/linger run` and `build/linger test` see to that).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Iterator

import pytest

from linger import results, shell, story
from linger.errors import BROKEN, CANNOT_RUN, NOT_HELD, LingerError
from linger.lab import Lab
from linger.parallel import tell_parent

VERDICTS = {None: "pass", NOT_HELD: "fail", CANNOT_RUN: "cannot run"}  # else "broken"
FAILURE = pytest.StashKey["tuple[int, str]"]()  # the exit code and the message of a failed test


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--repeat", type=int, default=1, help="run every scenario so many times")
    parser.addoption("--prove", action="store_true", help="expect what the other variant leaves")
    parser.addoption("--keep", action="store_true", help="on failure open a shell in the lab")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "scenario(claims): a story of the catalogue")
    if "LINGER_SANDBOX" not in os.environ:
        raise pytest.UsageError("not in a sandbox; use `build/linger run` or `build/linger test`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    count = metafunc.config.getoption("repeat")
    if count > 1 and metafunc.definition.get_closest_marker("scenario"):
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(1, count + 1))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Remember how each phase ended, for the lab's teardown and for the exit code."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if call.excinfo and report.failed:
        error = call.excinfo.value
        code = error.code if isinstance(error, LingerError) else NOT_HELD
        if isinstance(error, OSError):
            code = BROKEN
        item.stash[FAILURE] = (code, str(error) or type(error).__name__)
        report.user_properties.append(("exit", code))
        if isinstance(error, LingerError):
            report.longrepr = str(error)  # the sentence is the message, not the harness's stack


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Path:
    """The directory for what this test leaves: results/<run>/<scenario>/<variant>[/<repetition>]."""
    run = Path(os.environ["LINGER_RUN"])
    path = run.joinpath(*_labels(request.node))
    path.mkdir(parents=True)
    return path


@pytest.fixture
def lab(request: pytest.FixtureRequest, evidence: Path) -> Iterator[Lab]:
    """A private network for this test. For a scenario, what it measured goes to result.json."""
    node = request.node
    labels = _labels(node)
    marker = node.get_closest_marker("scenario")
    claims = marker.kwargs["claims"] if marker else ()
    node.user_properties += [("lab", "/".join(labels)), *(("claim", claim) for claim in claims)]
    lab = Lab(
        name=".".join(labels),
        evidence=evidence,
        connections=getattr(node.module, "N", 100),
        tell=lambda step: tell_parent(labels, step),
        prove=bool(marker) and request.config.getoption("prove"),
    )
    if lab.verdict.prove:
        _swap(node.module.EXPECT)
    try:
        yield lab
        code, message = node.stash.get(FAILURE, (None, None))
        if code and request.config.getoption("keep"):
            shell.open_in(lab, message)
        if marker:
            result = {
                "schema": results.SCHEMA,
                "scenario": labels[0],
                "variant": labels[1],
                "repetition": int(labels[2]) if len(labels) > 2 else 1,
                "connections": node.module.N,
                "claims": claims,
                "verdict": VERDICTS.get(code, "broken"),
                "message": message,
                **lab.result(),
            }
            results.write_json(evidence / "result.json", result)
    finally:
        lab.close()


def _swap(expect: dict[str, Any]) -> None:
    """Give each variant what the other one is expected to leave."""
    first, second = expect
    expect[first], expect[second] = expect[second], expect[first]


def _labels(node: Any) -> tuple[str, ...]:
    """What tells a test from all others: scenario, variant, and repetition if there are several."""
    if not node.get_closest_marker("scenario"):  # a test of the driver
        return story.name_of(node.path), re.sub(r"[^\w.-]+", "_", node.name)
    parameters = node.callspec.params
    labels = (story.name_of(node.path), parameters["variant"])
    return (*labels, f"{parameters['repetition']:04}") if "repetition" in parameters else labels
