"""The report: pages that are self-contained, say what happened, and survive anything that a run left."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import unquote

import pytest
from conftest import Once, Run
from test_cli import PLANTED, failing, in_catalogue

from linger.lab.environment import outside
from linger.lab.errors import Broken
from linger.lab.programs import ROOT, program
from linger.report import collect, ladder, pages, palette, prose, words
from linger.run import scenarios

HOSTILE = "</pre><script>alert('x')</script>&amp;\x07\x1b[31m\u202e\"' -->]]>"
VOID = {"meta", "input", "br", "wbr", "link", "hr", "img"}


class Page(HTMLParser):
    """A page taken apart; bad nesting or a misplaced element is an error."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.path = path
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.source = path.read_text()
        self.feed(self.source)
        assert not self.open, f"{path}: never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "iframe", "object", "embed", "img", "base")
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"{self.path}: </{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


IDS = ("abandon", "early-reply")  # of a run of check


def read(run: Path) -> dict[str, Page]:
    """The pages of a run by path, each checked for what holds for every page."""
    found = {str(path.relative_to(run)): Page(path) for path in sorted(run.rglob("index.html"))}
    for name, page in found.items():
        assert len(page.source.encode()) <= 1_000_000, name
        assert_stands_alone(page, run)
        assert_reads_aloud(page)
    return found


def assert_stands_alone(page: Page, run: Path) -> None:
    """Nothing is loaded, and each link leads to something that exists."""
    assert not page.all("link"), "a style sheet from elsewhere"
    assert not re.search(r"@import|url\((?!#)", page.source)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)), "two elements with one id"
    for attributes in page.all("a", "use"):
        target = attributes["href"] or ""
        assert "://" not in target and not target.startswith(("/", "javascript:", "data:"))
        file, _, fragment = target.partition("#")
        assert not fragment or fragment in ids
        there = (page.path.parent / unquote(file)).resolve()
        assert there.exists(), f"{page.path}: {target} leads nowhere"
        assert run.resolve() in (there, *there.parents)


def assert_reads_aloud(page: Page) -> None:
    """Drawings have a sentence, tables a caption and headed columns, and headings skip no level."""
    for attributes in page.all("svg"):
        assert attributes["role"] == "img" and len(attributes["aria-label"] or "") > 20
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") and tags.count("main") == 1
    assert all("scope" in attributes for attributes in page.all("th"))
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:]))
    regions = [one["aria-label"] for _, one in page.tags if one.get("role") == "region"]
    assert len(regions) == len(set(regions)), "two regions with the same name"
    for attributes in page.all("input"):
        assert attributes["id"] in [label["for"] for label in page.all("label")]


def segment(sent: float | None, arrived: float | None, sender: str, flags: str, **more: Any) -> Any:
    return {
        "sent": sent, "arrived": arrived, "from": sender, "flags": flags.split(), "seq": 1,
        "ack": 1 if "ACK" in flags else None, "length": 0, "marks": [], "client": "ESTABLISHED",
        "server": "ESTABLISHED", "omitted_before": 0, **more,
    }  # fmt: skip


SEGMENTS = [
    segment(0.0, 0.001, "client", "SYN", client="SYN_SENT", server="SYN_RECEIVED"),
    segment(0.002, 0.003, "server", "SYN ACK", server="SYN_RECEIVED"),
    segment(0.004, 0.005, "client", "ACK"),
    segment(0.006, 0.008, "client", "FIN ACK", client="FIN_WAIT1", server="CLOSING"),
    segment(0.007, 0.009, "server", "FIN ACK", client="CLOSING", server="FIN_WAIT1"),
    segment(0.010, 0.011, "client", "ACK", marks=["lost"], client="CLOSING", server="CLOSING"),
    segment(0.4, 0.41, "client", "FIN ACK", marks=["retransmission"], client="CLOSING",
            server="TIME_WAIT"),
    segment(None, 0.5, "client", "PSH ACK", marks=["injected"], length=700, omitted_before=12,
            client="CLOSING", server="TIME_WAIT"),
    segment(0.6, None, "server", "RST", marks=["reset", "lost"], client="CLOSING",
            server="CLOSED"),
]  # fmt: skip


def make_ladder(segments: list[Any], host: str | None = "server") -> dict[str, Any]:
    return {
        "client": {"host": "client", "address": "10.0.0.1", "port": 40000},
        "server": {"host": host, "address": "10.0.0.2", "port": 9000},
        "began": 1795365880.9,
        "omitted": 0,
        "verdict": None,
        "segments": segments,
        "ends": {"client": "CLOSING", "server": "CLOSED"},
    }


def recording(segments: list[Any]) -> dict[str, Any]:
    sentence = "the census saw 3 CLOSE_WAIT, the packets show none"
    return {
        "schema": 1,
        "hosts": {
            "server": {"address": "10.0.0.2", "packets": 9, "kept": 8, "missed": 1, "lost": 1}
        },
        "connections": 3,
        "groups": [{"connections": 2, "ladder": make_ladder(segments)}],
        "states": {},
        "whole": True,
        "disagreements": [{"host": "server", "state": "CLOSE_WAIT", "sentence": sentence}],
    }


ENDINGS = {
    "good": "lab.expect(server, {'CLOSE_WAIT': 3 * (variant == 'buggy')})",
    "fails": "lab.expect(server, {'CLOSE_WAIT': 99}, within=0.05)",
    "hostile": f"assert False, {HOSTILE!r}",
    "guard": "lab.happened(server, ESTABLISHED=77, within=0.05)",
    "crashes": "import os; os.kill(os.getpid(), 9)",
}


@pytest.fixture(scope="session")
def ran(once: Once) -> tuple[Path, dict[str, str]]:
    """A real run of planted scenarios, one for each ending, and its environment."""

    def fill(folder: Path) -> None:
        env = failing(folder, "")
        (folder / "scenarios/planted.py").unlink()
        for name, last in ENDINGS.items():
            body = PLANTED.replace("planted", name).format(last=last)
            (folder / f"scenarios/{name}.py").write_text(body)
        done = subprocess.run(
            [program("linger"), "run", "all"], env=env, capture_output=True, text=True
        )
        assert done.returncode == 1, done.stderr
        run = (folder / "results/latest").resolve()
        assert f"report: {run}/index.html" in done.stdout, "several scenarios: the run reports itself"

    folder = once("endings", fill)
    return (folder / "results/latest").resolve(), in_catalogue(folder)


@pytest.fixture
def again(ran: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: Any) -> Path:
    """A copy of that run without its report, to be changed and reported in this process."""
    monkeypatch.setattr(scenarios, "SCENARIOS", ran[0].parents[1] / "scenarios")
    copy = tmp_path / "run"
    shutil.copytree(ran[0], copy)
    for page in copy.rglob("index.html"):
        page.unlink()
    return copy


def test_every_page_stands_alone_and_can_be_read_aloud(ran: tuple[Path, dict[str, str]]) -> None:
    found = read(ran[0])
    assert set(found) == {"index.html", *(f"{name}/index.html" for name in ENDINGS)}
    index = found["index.html"].text
    assert "1 reproduced, 1 passed, 6 failed, 2 broken" in index
    assert index.index("What did not pass") < index.index("Programs: a bug and its repair")
    assert "expected == 99" in index and "ended without a report" in index


def test_a_failing_scenario_says_first_why(ran: tuple[Path, dict[str, str]]) -> None:
    found = read(ran[0])
    fails = found["fails/index.html"].text
    assert fails.index("server has CLOSE_WAIT 3, expected == 99") < fails.index("What happens")
    assert "the fault did not happen" in found["guard/index.html"].text
    assert "the process of this test ended without a report" in found["crashes/index.html"].text
    assert "What did not pass" not in found["good/index.html"].text
    assert not any("Traceback" in page.text for page in found.values())


def test_what_programs_say_is_never_markup(ran: tuple[Path, dict[str, str]]) -> None:
    page = read(ran[0])["hostile/index.html"]  # parsed: a <script> would have been an error
    assert "</pre><script>alert('x')</script>&amp;" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page.source)


def test_a_run_of_check_has_its_findings_and_a_page_for_each(run: Run, tmp_path: Path) -> None:
    """A leak shows as held until the verdict, not as closed by the end of the lab."""
    server = ["env", "X=<b>&", program("servers/closewait_leak_buggy"), "-l", "0.0.0.0", "-p", 9000]
    options = ["--port", 9000, "--only", "abandon,early-reply", "--patience", 2]
    done = run("linger", "check", *options, "--results", tmp_path, "--", *server)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "× CLOSE_WAIT" in done.stdout and "the verdict; then all" in done.stdout
    path = (tmp_path / "latest").resolve()
    assert run("linger", "report", path).stdout.strip() == str(path / "index.html")
    found = read(path)
    assert set(found) == {"index.html", *(f"check/{id}/index.html" for id in IDS)}
    text = found["index.html"].text
    order = [text.index(said) for said in ("Likely cause: The path taken", "could not be tested")]
    assert order == sorted(order) and "its repair, by make scenario-closewait-leak" in text
    assert "1 LEAK, 1 N/A" in text and "abandon: LEAK (" in text and "'X=<b>&'" in text
    page = found["check/abandon/index.html"]
    assert "connections went this way" in page.text and "× CLOSE_WAIT" in page.text
    assert len(page.all("svg")) >= 2 and "make scenario-closewait-leak" in page.text
    (path / "check/check.json").unlink()
    cut = run("linger", "report", path)
    assert cut.returncode == 77 and "did not finish" in cut.stderr


@pytest.mark.parametrize(
    "left, code, sentence",
    [("", 77, "did not finish"), ('{"rows": [{}], "short": []}', 70, "not as linger writes it")],
)
def test_a_bench_scale_that_left_no_figures(
    run: Run, tmp_path: Path, left: str, code: int, sentence: str
) -> None:
    (tmp_path / "environment.json").write_text("{}")
    (tmp_path / "scale.json").write_text(left)
    done = run("linger", "report", tmp_path)
    assert done.returncode == code and sentence in done.stderr and done.stderr.count("\n") == 1


def test_the_same_run_gives_the_same_pages(again: Path) -> None:
    def texts() -> dict[Path, str]:
        pages.write(again)
        return {path: path.read_text() for path in again.rglob("index.html")}

    first = texts()
    assert len(first) == 1 + len(ENDINGS) and first == texts()


def test_a_page_shows_counts_over_time_and_ladders(again: Path) -> None:
    (again / "good/buggy/ladder.json").write_text(json.dumps(recording(SEGMENTS)))
    (again / "good/fixed/ladder.json").unlink()
    pages.write(again)
    page = read(again)["good/index.html"]
    assert "No ladder was recorded." in page.text, "of the fixed variant"
    assert "the census saw 3 CLOSE_WAIT, the packets show none" in page.text
    assert "2 connections went this way" in page.text and "1 missed by the recorder" in page.text
    assert "buggy/server.pcap" in [attributes["href"] for attributes in page.all("a")]
    labels = [attributes["aria-label"] or "" for attributes in page.all("svg")]
    assert [label[:7] for label in labels] == ["Sockets", "Sockets", "Ladder "]
    assert "CLOSE_WAIT 3 at the end, peak 3" in labels[0]


def test_numbers_that_must_differ_are_explained_and_no_warning(again: Path) -> None:
    (again / "good/buggy/ladder.json").write_text(json.dumps(recording(SEGMENTS)))
    beside = scenarios.SCENARIOS / "good.toml"
    beside.write_text('[packets_differ]\n"server CLOSE_WAIT" = "Nobody sends one."\n')
    pages.write(again)
    green = read(again)["good/index.html"].text
    assert "packets show none, as expected here. Nobody sends one." in green
    assert "census and the packets disagree" not in green
    result = json.loads((again / "good/buggy/result.json").read_text())
    (again / "good/buggy/result.json").write_text(json.dumps({**result, "verdict": "fail"}))
    pages.write(again)
    assert "packets disagree" in read(again)["good/index.html"].text, "nothing is certain about a failed run"
    beside.unlink()


def test_what_failed_comes_first_and_its_bar_is_of_another_colour(ran: tuple[Path, dict[str, str]]) -> None:
    index = read(ran[0])["index.html"]
    classes = [attributes["class"] for attributes in index.all("b") if "class" in attributes]
    assert classes.count("bug") == 1 and classes.count("failed") >= 2
    links = [attributes["href"] for attributes in index.all("a")]
    pages = [link for link in links if link and link.endswith("/index.html")]
    assert pages[-1] == "good/index.html", "what failed comes first"


def test_a_scenario_that_a_sentence_names_is_a_link(again: Path) -> None:
    shutil.copytree(again / "good", again / "four-way-close")
    run = collect.collect(again)
    text = prose.linked("See four-way-close, not a-four-way-close & <b>.", run, "../")
    assert text == (
        'See <a href="../four-way-close/index.html">four-way-close</a>, '
        "not a-four-way-close &amp; &lt;b&gt;."
    )
    assert prose.linked("See reset-leak.", run) == "See reset-leak.", "which is not in this run"


def test_a_pair_shows_its_lesson(again: Path) -> None:
    shutil.copytree(again / "good", again / "closewait-leak")  # whose scenario is not planted here
    pages.write(again)
    page = read(again)["closewait-leak/index.html"]
    assert "This scenario no longer exists." in page.text
    classes = [attributes.get("class") for attributes in page.all("span")]
    assert {"out lesson", "in lesson", "in", "hunk", "same"} <= {*classes}
    lines = words.cure("closewait-leak").lines
    assert [line.split() for kind, line in lines if kind == "in"] == [["+", "close(fd);"]]
    assert all("lesson" in kind for kind, line in lines if "LESSON:" in line)
    assert words.cure("four-way-close") is None


def test_repetitions_are_summed_up_and_the_failed_one_is_shown(again: Path) -> None:
    folder = again / "good/buggy"
    for number in range(1, 621):
        target = folder / f"{number:04}"
        target.mkdir()
        result = json.loads((folder / "result.json").read_text())
        if number == 600:
            result.update(verdict="fail", message="the six hundredth")
        (target / "result.json").write_text(json.dumps(result))
    pages.write(again)
    text = read(again)["good/index.html"].text
    assert "619 of 620 pass" in text and "the six hundredth" in text
    assert "and 120 more" in text


def test_a_run_that_proves_says_so(again: Path) -> None:
    file = again / "good/fixed/result.json"
    result = json.loads(file.read_text())
    result["verdict"] = "told apart"
    result["expectations"][0]["held"] = False
    file.write_text(json.dumps(result))
    pages.write(again)
    page = read(again)["good/index.html"]
    assert "This run proves" in page.text and "TOLD APART" in page.text
    assert not [one for one in page.all("td") if "off" in (one.get("class") or "")]


def test_a_run_that_was_cut_off_is_reported_all_the_same(again: Path) -> None:
    for name in ("run.json", "environment.json"):
        (again / name).unlink()
    (again / "good/buggy/result.json").unlink()
    (again / "good/fixed/timeline.jsonl").write_text('{"time": 1795365880.9, "host": "ser')
    pages.write(again)
    found = read(again)
    assert "the run did not end normally" in found["index.html"].text
    good = found["good/index.html"].text
    assert "buggy BROKEN" in good and collect.UNFINISHED in good
    assert "No timeline was recorded." in good


def test_a_failure_after_the_verdict_counts(again: Path) -> None:
    """As if a lab could not be closed: its result says reproduced, but run.json knows better."""
    file = again / "run.json"
    document = json.loads(file.read_text())
    [test] = [test for test in document["tests"] if test["folder"] == "good/buggy"]
    test.update(verdict="broken", message="the recorder died")
    file.write_text(json.dumps(document))
    run = collect.collect(again)
    good = next(scenario for scenario in run.scenarios if scenario.name == "good")
    assert [(one.verdict, one.message) for one in good.labs] == [
        ("broken", "the recorder died"), ("pass", ""),
    ]  # fmt: skip


def test_evidence_of_another_shape_is_one_sentence(again: Path) -> None:
    file = again / "good/buggy/result.json"
    file.write_text(file.read_text().replace('"expectations"', '"other"'))
    with pytest.raises(Broken, match="good"):
        pages.write(again)


SUITE = 47  # scenarios; how long their report takes is for `make bench`


def test_a_whole_suite_is_reported_on(run: Run, again: Path) -> None:
    for variant in ("buggy", "fixed"):
        text = json.dumps(recording(8 * SEGMENTS))
        (again / "good" / variant / "ladder.json").write_text(text)
    for number in range(SUITE):
        shutil.copytree(again / "good", again / f"good-{number:02}")
    assert run("linger", "report", again).returncode == 0
    assert len(list(again.glob("good-*/index.html"))) == SUITE


WRONG = {"no run 'nowhere'": ["nowhere"], "no run in": []}


@pytest.mark.parametrize("sentence", WRONG)
def test_an_unknown_run_is_wrong_usage(run: Run, tmp_path: Path, sentence: str) -> None:
    done = run("linger", "report", "--results", tmp_path, *WRONG[sentence])
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert sentence in done.stderr


def test_a_run_that_cannot_be_written_to(run: Run, again: Path) -> None:
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" report "$1"'
    words = ["sh", "-c", script, "sh", again, program("linger")]
    done = run("sandbox", *words, env=outside(LINGER_SCENARIOS=str(scenarios.SCENARIOS)))
    assert done.returncode == 77 and done.stderr.count("\n") == 1, done.stderr
    assert f"linger: cannot write {again}/" in done.stderr
    assert "/index.html: Read-only file system; make it writable, or copy the run " in done.stderr


def test_a_single_scenario_is_not_held_up(
    run: Run, ran: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    env = {**ran[1], "RESULTS": str(tmp_path)}
    done = run("linger", "run", "good", env=env)
    assert "report: make report" in done.stdout
    latest = tmp_path / "latest"
    assert not (latest / "index.html").exists()
    done = run("linger", "report", "--results", tmp_path, env=env)
    assert done.stdout == f"{latest.resolve()}/index.html\n", done.stderr
    assert set(read(latest.resolve())) == {"index.html", "good/index.html"}


def test_linger_needs_no_drawing_until_it_draws() -> None:
    code = "import sys, linger.cli.main, linger.cli.console, linger.run.plugin, linger.report.collect\n"
    code += "sys.exit('linger.report.svg' in sys.modules or 'jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# The drawings, by themselves.


def svg(text: str) -> ElementTree.Element:
    assert "xlink" not in text and "url(" not in text
    return ElementTree.fromstring(text)


@pytest.mark.parametrize(
    "names, pair",
    [("buggy fixed", True), ("buggy fixed yours", True), ("fixed", True), ("control", False)],
)
def test_a_students_program_beside_a_pair_leaves_it_one(names: str, pair: bool) -> None:
    variants = [collect.Variant(name, []) for name in names.split()]
    assert collect.Scenario("closewait-leak", variants).pair == pair


def test_a_drawing_of_a_ladder_tells_each_segment_and_state() -> None:
    drawn = svg(ladder.draw(make_ladder(SEGMENTS)))
    texts = ["".join(one.itertext()) for one in drawn.findall(".//{*}text")]
    for each in SEGMENTS:
        assert ladder.label(each) in texts and (ladder.remark(each) or "client") in texts
    for said in ("⋮ 389 ms later", "⋮ 12 segments left out", "CLOSING", "TIME_WAIT", "400 ms"):
        assert said in texts, (said, texts)
    bars = ["".join(one.itertext()) for one in drawn.findall(".//{*}rect")]
    assert bars.count("ESTABLISHED") == 2 and bars.count("CLOSING") == 2
    paths = [one.attrib for one in drawn.findall(".//{*}path")]
    assert sum("stroke-dasharray" in one for one in paths) == 1, "one was retransmitted"
    assert sum("m0 -10" in one["d"] for one in paths) == 2, "two were lost"
    alarms = [one for one in paths if palette.colour("alarm") in (one.get("stroke"), one.get("fill"))]
    assert len(alarms) == 2 + 1, "two crosses, and a reset that got nowhere"


def test_a_state_unknown_here_is_drawn_and_no_markup() -> None:
    """As from a newer census, or a file that somebody changed."""
    state = '"/><script>' + HOSTILE
    drawn = svg(ladder.draw(make_ladder([dict(SEGMENTS[0], client=state)], host=HOSTILE)))
    assert {one.tag.partition("}")[2] for one in drawn.iter()} == {
        "svg", "text", "rect", "title", "path",
    }  # fmt: skip
    bar = next(one for one in drawn.findall(".//{*}rect") if "script" in "".join(one.itertext()))
    assert bar.attrib["fill"] == palette.colour("CLOSED")


@pytest.mark.parametrize(
    "seconds, words",
    [(0, "0"), (41e-6, "41 µs"), (0.0123, "12.3 ms"), (1.2, "1.2 s"), (86_400, "86,400 s")],
)
def test_a_time_takes_few_characters(seconds: float, words: str) -> None:
    assert ladder.duration(seconds) == words


def test_a_label_stays_between_the_bars_and_large_numbers_are_short() -> None:
    """Whatever its text, whether its arrow is level, crosses another or is lost."""
    marks = ["retransmission", "zero window", "duplicate ACK", "out of order", "window probe"]
    odd = dict(seq=4_294_967_295, ack=48_211_337, length=65_000, marks=marks)
    segments = [dict(each, **odd, flags=["FIN", "SYN", "RST", "PSH", "ACK", "URG"]) for each in SEGMENTS]
    assert ladder.label(segments[0]).endswith("seq 4.29 G ack 48.21 M len 65000")
    for one in svg(ladder.draw(make_ladder(segments))).findall(".//{*}text"):
        words = "".join(one.itertext())
        if "seq" not in words and "window" not in words:
            continue
        size = float(one.get("font-size", ladder.SIZE))
        half = ladder.LETTER * len(words) * size / ladder.SIZE / 2
        left, right = float(one.attrib["x"]) - half, float(one.attrib["x"]) + half
        assert ladder.LINES["client"] + ladder.BAR / 2 < left, words
        assert right < ladder.LINES["server"] - ladder.BAR / 2, words


def test_a_segment_arrives_below_where_it_leaves() -> None:
    """Also if the clock does not separate the two, as on the loopback device."""
    same = [dict(each, arrived=each["sent"]) for each in SEGMENTS[:3]]
    places = ladder._Drawing(make_ladder(same))._place()
    assert all(leaves < arrives for leaves, arrives in places)
    assert all(one[1] < other[0] for one, other in zip(places, places[1:]))


def test_segments_that_cross_are_drawn_in_the_order_of_time() -> None:
    drawing = ladder._Drawing(make_ladder(SEGMENTS))
    places = drawing._place()
    (sent, arrived), (other_sent, other_arrived) = places[3:5]
    assert sent < other_sent < arrived < other_arrived


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_ladders_of_any_length(count: int) -> None:
    text = ladder.draw(make_ladder(count * SEGMENTS[2:3], host=None))
    svg(text)
    assert len(text) < 200_000
    assert ("⋮ 4880 more segments" in text) == (count == 5000)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (WCAG 2.1, "contrast ratio")."""

    def luminance(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read(scheme: str) -> None:
    paper = getattr(palette.PAGE["paper"], scheme)
    for name in ("ink", "soft", "alarm"):
        assert contrast(getattr(palette.PAGE[name], scheme), paper) >= 4.5, name
    for name, ink in palette.STATES.items():
        assert contrast(getattr(ink, scheme), paper) >= 3, name
    css = ROOT / "harness/linger/report/templates/style.css"
    light, dark = css.read_text().split("@media screen", 1)
    rules = light if scheme == "light" else dark.split("* {", 1)[0]
    for name in ("good", "warn", "link"):
        for ground in ("paper", "wash"):
            back = paper if ground == "paper" else re.search(r"--wash: (#\w+)", rules)[1]
            assert contrast(re.search(rf"--{name}: (#\w+)", rules)[1], back) >= 4.5, name
