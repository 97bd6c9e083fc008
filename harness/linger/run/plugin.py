"""The pytest plugin: the `lab` fixture and the evidence of each test.

A scenario is an ordinary pytest test, so selection and JUnit come for free. The plugin
runs inside the sandbox (`build/linger run` and `build/linger test` see to that).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import pytest

from linger.lab import files
from linger.lab.errors import BROKEN, CANNOT_RUN, HELD, NOT_HELD, Broken, LingerError, os_sentence
from linger.lab.failure import Failure
from linger.lab.lab import Lab, Own
from linger.lab.verdict import Verdict
from linger.run import results, scenarios, shell
from linger.run.parallel import tell_parent
from linger.run.scenarios import BUGGY


class Ended(NamedTuple):
    """How a failed test ended."""

    code: int  # the exit code of the run
    message: str
    failures: Sequence[Failure] = ()


_failed: dict[str, Ended] = {}  # by node id
Under = Callable[[str, Path], Sequence[str]]


class Hooks:
    """What a plugin may add to a scenario's test, as the workshop does (workshop/examine.py)."""

    @pytest.hookspec(firstresult=True)
    def pytest_linger_label(self, item: pytest.Item) -> str | None:
        """The name of a test's variant, if it is not its parameter."""

    @pytest.hookspec(firstresult=True)
    def pytest_linger_instead(self, item: pytest.Item) -> dict[str, Own] | None:
        """For Lab(instead=): what runs instead of a pair's own program."""

    @pytest.hookspec(firstresult=True)
    def pytest_linger_under(self, item: pytest.Item) -> Under | None:
        """For Lab(under=): what starts our programs."""

    @pytest.hookspec
    def pytest_linger_observe(self, item: pytest.Item, lab: Lab) -> None:
        """The scenario has ended in some way; its programs still run."""

    @pytest.hookspec
    def pytest_linger_examine(self, item: pytest.Item, lab: Lab, passed: bool) -> None:
        """The scenario has ended; its lab still exists. passed: whether it ended well."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("linger")._addoption(
        "-n", "--workers", type=int, metavar="N", help="run N tests at a time; 0: no child processes"
    )
    parser.addoption("--repeat", type=int, default=1, help="run every scenario this many times")
    parser.addoption("--prove", action="store_true", help="expect what the other variant leaves")
    parser.addoption(
        "--withhold", default="", help="withhold faults in these scenarios, separated by commas"
    )
    parser.addoption("--keep", action="store_true", help="on failure open a shell in the lab")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "scenario(claims): one of the catalogue")
    config.addinivalue_line("markers", "yours(program): run with a user's own program")
    if "LINGER_SANDBOX" not in os.environ:
        raise pytest.UsageError("not in a sandbox; use `build/linger run` or `build/linger test`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    count = metafunc.config.getoption("repeat")
    if count > 1 and metafunc.definition.get_closest_marker("scenario"):
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(1, count + 1))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest first, so that the longest ends last."""

    def seconds(item: pytest.Item) -> float:
        marker = item.get_closest_marker("scenario")
        return marker.kwargs["seconds"] if marker else 0

    items.sort(key=seconds, reverse=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Remember how each phase ended, for the lab's teardown and for the exit code."""
    if call.excinfo and isinstance(call.excinfo.value, (LingerError, OSError)):
        # A sentence that says more replaces the stack below; pytest needs 0.1 s to draw one.
        item.repr_failure = lambda excinfo: str(excinfo.value)  # type: ignore[method-assign]
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if call.excinfo and report.failed:
        error = call.excinfo.value
        lab = getattr(item, "funcargs", {}).get("lab")
        if lab and isinstance(error, LingerError):
            error = lab.watchdog.judge(error)
        code, sentence = _explain(error)
        failures = getattr(error, "failures", ())
        _failed[item.nodeid] = Ended(code, sentence or call.excinfo.exconly(), failures)
        report.user_properties.append(("exit", code))
        report.longrepr = sentence or report.longrepr


def _explain(error: BaseException) -> tuple[int, str]:
    """The exit code for the error that ended a test, and a sentence if that says more than a stack."""
    if isinstance(error, LingerError):
        return error.code, str(error)
    if isinstance(error, OSError):
        return BROKEN, os_sentence(error)
    failed = isinstance(error, (AssertionError, pytest.fail.Exception))
    return (NOT_HELD if failed else BROKEN), ""


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Path:
    """The directory for what this test leaves: results/<run>/<scenario>/<variant>[/<repetition>]."""
    run = Path(os.environ["LINGER_RUN"])
    path = run.joinpath(*scenarios.labels_of(request.node))
    with files.writing(path):
        path.mkdir(parents=True)
    return path


@pytest.fixture
def lab(request: pytest.FixtureRequest, evidence: Path) -> Iterator[Lab]:
    """A private network for this test. A scenario's measurements go to result.json."""
    node = request.node
    labels = scenarios.labels_of(node)
    marker = node.get_closest_marker("scenario")
    claims = marker.kwargs["claims"] if marker else ()
    node.user_properties += [("lab", "/".join(labels)), *(("claim", claim) for claim in claims)]
    prove = marker and request.config.getoption("prove")
    lab = Lab(
        name=".".join(labels),
        evidence=evidence,
        connections=getattr(node.module, "N", 100),
        tell=lambda step: tell_parent(labels, step),
        instead=node.ihook.pytest_linger_instead(item=node) or {},
        under=node.ihook.pytest_linger_under(item=node) or (lambda program, log: ()),
        verdict=_proving(node.module.EXPECT) if prove else Verdict(),
    )
    try:
        yield lab
        ended = _failed.get(node.nodeid, Ended(HELD, ""))
        if marker and not ended.code and not lab.verdict.judged:
            ended = Ended(BROKEN, "the scenario expects nothing, so nothing was tested")
        code, message, failures = ended
        if code and request.config.getoption("keep"):
            shell.open_in(lab, message)
        if marker:
            node.ihook.pytest_linger_observe(item=node, lab=lab)
            result = {
                "schema": results.SCHEMA,
                "scenario": labels[0],
                "variant": labels[1],
                "repetition": int(labels[2]) if len(labels) > 2 else 1,
                "connections": node.module.N,
                "claims": claims,
                "verdict": _verdict(code, lab.verdict.prove, labels[1]),
                "message": message or None,
                "failures": [failure.record() for failure in failures],
                **lab.result(),
            }
            files.write_json(evidence / "result.json", result)
        if marker and labels[1] != BUGGY:
            node.ihook.pytest_linger_examine(item=node, lab=lab, passed=not code)
        if code and node.nodeid not in _failed:
            raise Broken(message)
    finally:
        lab.close()


def _verdict(code: int, prove: bool, variant: str) -> str:
    """The verdict of a scenario's variant (schema/result.schema.json)."""
    if code == HELD:
        return "told apart" if prove else "reproduced" if variant == BUGGY else "pass"
    return {NOT_HELD: "fail", CANNOT_RUN: "cannot run"}.get(code, "broken")


def _proving(expect: dict[str, Any]) -> Verdict:
    """Give each variant the other's expectations; the verdict expects them to fail."""
    first, second = expect
    expect[first], expect[second] = expect[second], expect[first]
    parts = [each if isinstance(each, tuple) else (each,) for each in expect.values()]
    return Verdict(prove=True, swapped=sum(parts, ()))
