"""What a run writes for machines: JSON by its schemas, junit.xml, KTAP."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Iterator

import jsonschema
import pytest
from conftest import Once, Run
from test_cli import PLANTED, failing

import linger

SCHEMAS = Path(linger.__file__).parent / "schema"


def validator(name: str) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.fixture(scope="session")
def left(run: Run, once: Once) -> Path:
    """What a run of three scenarios writes: a pair, one with tables, one with nullable values."""

    def fill(results: Path) -> None:
        names = ["closewait-leak", "linger-zero-closewait", "kernel-defaults"]
        done = run("linger", "run", *names, "--results", results)
        assert done.returncode == 0, done.stdout + done.stderr

    return (once("three", fill) / "latest").resolve()


def documents(run: Path) -> Iterator[tuple[str, Any]]:
    """Every JSON document of a run with the name of its schema."""
    for file in run.glob("**/*.json*"):
        name = {"timeline.jsonl": "timeline"}.get(file.name, file.stem)
        lines = file.read_text().splitlines() if name == "timeline" else [file.read_text()]
        for line in lines:
            yield name, json.loads(line)


def test_every_document_of_a_run_is_as_its_schema_says(left: Path) -> None:
    seen = {}
    for name, document in documents(left):
        validator(name).validate(document)
        seen[name] = document
    assert seen.keys() >= {"result", "run", "environment", "timeline"}


LADDER = {
    "schema": 2,
    "hosts": {"client": {"address": "10.0.0.1", "packets": 9, "kept": 9, "missed": 0, "lost": 0}},
    "connections": 1,
    "summary": {
        "connections": 1,
        "how": {
            "orderly": 0, "open": 0, "unknown": 0, "half-closed": 0, "unanswered": 1, "refused": 0,
            "reset": 0,
        },
        "first_closer": {"client": 0, "server": 0, "both": 0, "none": 1, "unknown": 0},
        "resets": [],
        "opened": 0,
        "half_open": 0,
        "one_sided": 0,
        "retransmitting": 1,
        "median_seconds": 0.0,
        "longest_seconds": 0.0,
        "client_bytes": 0,
        "server_bytes": 0,
    },
    "capture": {
        "packets": 9,
        "not_looked_at": {"VXLAN": 1},
        "beyond": 0,
        "copies": 0,
        "options_cut": 0,
        "time_goes_back": 0,
        "furthest_back": 0.0,
        "clocks_ahead": [{"host": "client", "seconds": -0.005}],
        "ended_early": [{"host": "client", "after": 9, "why": "truncated dump file"}],
    },
    "groups": [
        {
            "connections": 1,
            "ladder": {
                "client": {"host": "client", "address": "10.0.0.1", "port": 40000},
                "server": {"host": None, "address": "10.0.0.2", "port": 9000},
                "began": 1795365880.91,
                "omitted": 0,
                "verdict": 0.5,
                "segments": [
                    {
                        "sent": 0.0, "arrived": None, "from": "client", "flags": ["SYN"], "seq": 0,
                        "ack": None, "length": 0, "marks": ["lost"], "client": "SYN_SENT",
                        "server": "LISTEN", "omitted_before": 0,
                    }
                ],
                "ends": {"client": "SYN_SENT", "server": "LISTEN"},
                "text": ["  client 10.0.0.1:40000  server 10.0.0.2:9000"],
            },
        }
    ],
    "states": {"client": [{"time": 1795365880.91, "states": {"SYN_SENT": 1}}]},
    "whole": True,
    "disagreements": [
        {
            "host": "server", "state": "CLOSE_WAIT", "by": "census", "time": 1795365881.2,
            "count": 100, "derived": 0, "sentence": "the census saw 100, the packets show none",
        }
    ],
}  # fmt: skip


def spoilt(document: Any) -> Iterator[Any]:
    """Copies of a document, each wrong in one place: a missing key, an extra one, a wrong type."""
    if isinstance(document, dict):
        for key in document:
            yield {**document, key: {"wrong": "type"} if not isinstance(document[key], dict) else 7}
            for value in spoilt(document[key]):
                yield {**document, key: value}
        yield {**document, "an unknown key": 1}
    elif isinstance(document, list) and document:
        for value in spoilt(document[0]):
            yield [value, *document[1:]]


def test_a_broken_document_is_refused(left: Path) -> None:
    found = dict(documents(left)) | {"ladder": LADDER}
    for name, document in found.items():
        valid = validator(name)
        valid.validate(document)
        wrong = list(spoilt(document))
        assert len(wrong) >= 4
        for one in wrong:
            assert not valid.is_valid(one), (name, one)


def test_every_property_is_described() -> None:
    def undescribed(schema: Any, path: str) -> Iterator[str]:
        if isinstance(schema, dict):
            if "properties" in schema:
                for name, one in schema["properties"].items():
                    if not one.get("description"):
                        yield f"{path}/{name}"
                if schema.get("additionalProperties") is not False:
                    yield f"{path} is not strict"
            for key, one in schema.items():
                yield from undescribed(one, f"{path}/{key}")

    for file in SCHEMAS.glob("*.json"):
        assert not list(undescribed(json.loads(file.read_text()), file.name))


# What junit-10.xsd of Jenkins' xUnit plugin allows where.
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
    "properties": {"property"},
}
ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {
        "name",
        "tests",
        "failures",
        "errors",
        "skipped",
        "time",
        "timestamp",
        "hostname",
    },
    "testcase": {"name", "time", "classname", "group"},
    "property": {"name", "value"},
    "skipped": {"type", "message"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
}


def misplaced(root: ElementTree.Element) -> list[str]:
    """What the schema does not allow in a junit.xml."""
    found = []
    for element in root.iter():
        allowed = CHILDREN.get(element.tag, set())
        found += [f"{child.tag} in {element.tag}" for child in element if child.tag not in allowed]
        found += [f"{element.tag}@{x}" for x in element.keys() if x not in ATTRIBUTES[element.tag]]
    return found


def test_junit_is_as_ci_servers_want_it(run: Run, left: Path, tmp_path: Path) -> None:
    root = ElementTree.parse(left / "junit.xml").getroot()
    assert not misplaced(root)
    [suite] = root
    properties = {(p.get("name"), p.get("value")) for p in suite.iter("property")}
    assert ("closewait-leak/buggy claim", "cw-cause-missing-close") in properties
    times = [float(case.get("time", "-1")) for case in suite.iter("testcase")]
    assert len(times) == 6 and 0 < max(times) < 30 and min(times) >= 0, "seconds"
    env = failing(tmp_path, PLANTED.format(last="assert variant == 'fixed', 'a <b> & \\x00'"))
    assert run("linger", "run", "planted", env=env).returncode == 1
    root = ElementTree.parse(tmp_path / "results/latest/junit.xml").getroot()
    assert not misplaced(root) and len(list(root.iter("failure"))) == 1


def test_properties_in_a_test_case_would_be_found() -> None:
    xml = "<testsuites><testsuite><testcase line='1'><properties/></testcase></testsuite></testsuites>"
    assert misplaced(ElementTree.fromstring(xml)) == ["properties in testcase", "testcase@line"]


# KTAP.


def parse(text: str, indent: str = "") -> dict[str, Any]:
    """Read KTAP strictly: name to (ok, subtests), in a document whose plan is fulfilled."""
    lines = text.splitlines()
    assert lines.pop(0) == f"{indent}KTAP version 1"
    if indent:
        assert lines.pop(0).startswith(f"{indent}# Subtest: ")
    plan = re.fullmatch(rf"{indent}1\.\.(\d+)", lines.pop(0))
    assert plan
    found: dict[str, Any] = {}
    nested: list[str] = []
    for line in lines:
        result = re.fullmatch(rf"{indent}(not )?ok (\d+) ([^#\n]+)", line)
        if result:
            assert int(result[2]) == len(found) + 1, line
            inner = parse("\n".join(nested), indent + "  ") if nested else {}
            nested = []
            found[result[3]] = (not result[1], inner)
        elif line.startswith(indent + "  "):
            nested.append(line)
        else:
            assert line.startswith(f"{indent}#"), line
    assert len(found) == int(plan[1]) and not nested
    return found


def test_a_run_as_ktap(run: Run, tmp_path: Path) -> None:
    names = ["closewait-leak", "kernel-defaults"]
    done = run("linger", "run", *names, "--tap", "--repeat", "2", "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    found = parse(done.stdout)
    passed = {f"{v}/000{n}": (True, {}) for v in ("condition", "control") for n in (1, 2)}
    assert found["kernel-defaults"] == (True, passed)
    assert found.keys() == {*names}
    assert "  # server CLOSE_WAIT: measured 100, expected == 100\n" in done.stdout
    assert "measured EMFILE at 1024, expected EMFILE at 1024" in done.stdout
    assert "evidence: " in done.stderr


@pytest.mark.parametrize(
    "last, diagnostic",
    [
        ("assert variant == 'fixed', 'no # way'", "AssertionError: no # way"),
        ("lab.expect(server, {'CLOSE_WAIT': 3}, 0.05)", "measured 0, expected == 3"),
        ("import pytest\n    if variant == 'buggy': pytest.skip('x')\n    lab.expect(server, {'LISTEN': 1})",
         "# skipped, which does not count as passed"),
        ("import os\n    if variant == 'buggy': os.kill(os.getpid(), 9)\n    lab.expect(server, {'LISTEN': 1})",
         "# the process of this test ended without a report"),
    ],
)  # fmt: skip
def test_what_did_not_pass_is_not_ok(run: Run, tmp_path: Path, last: str, diagnostic: str) -> None:
    env = failing(tmp_path, PLANTED.format(last=last))
    done = run("linger", "run", "planted", "--tap", env=env)
    held, variants = parse(done.stdout)["planted"]
    assert not held and done.returncode != 0
    assert sorted(ok for ok, _ in variants.values()) in ([False, True], [False, False])
    assert diagnostic in done.stdout, done.stdout
    for name, document in documents(tmp_path / "results" / "latest"):
        validator(name).validate(document)


def test_a_file_that_cannot_be_read_is_not_ok(run: Run, tmp_path: Path) -> None:
    env = failing(tmp_path, '"""p: x."""\nimport nowhere\n')
    done = run("linger", "run", "planted", "--tap", env=env)
    assert parse(done.stdout) == {"collection": (False, {})} and done.returncode == 70
    assert "nowhere" in done.stdout


def test_linger_test_as_ktap(run: Run, tmp_path: Path) -> None:
    node = "harness/tests/test_pairs.py"
    done = run(
        "linger", "test", "--tap", "--results", tmp_path, "--", node, "-n", "1", "-k", "good or project"
    )
    assert done.returncode == 0, done.stderr
    held, tests = parse(done.stdout)["test-pairs"]
    assert held and tests.keys() == {
        "test_the_pairs_of_the_project_keep_the_rules", "test_a_good_pair",
    }  # fmt: skip
