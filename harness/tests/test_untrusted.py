"""What others wrote and we read: nothing in it harms the grader, the page, the terminal or the verdict."""

from __future__ import annotations

import copy
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from conftest import Once, Run
from planted.hostile import HOSTILE
from test_formats import parse, validator
from test_report import Page

from linger.lab import files, foreign
from linger.lab.errors import Usage
from linger.lab.programs import ROOT
from linger.run import printer, tap
from linger.workshop import build, texts
from linger.workshop.workplace import Workplace

LEAK = "closewait-leak"
FIXED = (ROOT / "servers" / "closewait_leak_fixed.c").read_text()
BUGGY = (ROOT / "servers" / "closewait_leak_buggy.c").read_text()
TEXT = HOSTILE.decode(errors="replace") + "\ud800"
PLANTED = Path(__file__).with_name("planted")
SOURCE = "closewait_leak.c"


def harmless(text: str) -> None:
    """Only lines of visible characters, and no line that a CI service obeys."""
    for line in text.split("\n"):
        assert line.replace("\t", "").isprintable(), ascii(line)
        assert not re.match(r"\s*::.*::", line) and "##[" not in line, line


WORDS = ["plain", "::error::x", " ::a::", "##[error]", "::1", "\x1b[31m", "a\tb", "\u00a0", "\u202e", TEXT]


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("word", WORDS)
def test_no_text_of_a_document_is_overlooked(word: str, escaped: bool) -> None:
    document = {word: [word, {"deep": word}, 1, None]}
    read = foreign.read_json(json.dumps(document, ensure_ascii=escaped) + "\n")
    assert read == foreign.printable_all(document)


# Files that make the compiler read, load, wait for or use what it should not.
SOURCES = {
    "reads the caller's file": '__asm__(".incbin \\"{secret}\\"");' + FIXED,
    "includes the caller's file": '#include "{secret}"\n' + FIXED,
    "includes another student's": '#include "{other}"\n',
    "loads a header compiled before": '#include "loaded.h"\nint x = LOADED;\n' + FIXED,
    "waits at a FIFO": '#include "{fifo}"\n' + FIXED,
    "includes itself": "#include __FILE__\n#include __FILE__\n",
    "takes two gigabytes": "char a[2u << 30] = {{1}};\n",
    "reads without end": '__asm__(".incbin \\"/dev/zero\\"");',
}


@pytest.mark.parametrize("what", SOURCES)
def test_what_the_compiler_cannot_be_made_to_do(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "labs"
    folder.mkdir()
    places = {name: folder / name for name in ("secret", "other", "fifo")}
    places["secret"].write_text("int hidden;\n")
    places["other"].write_text(FIXED)
    os.mkfifo(places["fifo"])
    (folder / "loaded.h").write_text("#define LOADED 1\n")
    subprocess.run(["cc", folder / "loaded.h", "-o", folder / "loaded.h.gch"], check=True)
    (folder / "loaded.h").unlink()
    source = folder / SOURCE
    text = SOURCES[what]
    source.write_text(text.replace("{{", "{").replace("}}", "}") if "{{" in text else
                      text.replace("{secret}", str(places["secret"]))
                      .replace("{other}", str(places["other"]))
                      .replace("{fifo}", str(places["fifo"])))  # fmt: skip
    before, began = children_peak(), time.monotonic()
    worked, said = build.compile(source, tmp_path / "made" / "program")
    assert not worked and "hidden" not in said, said
    assert not (tmp_path / "made" / "program").exists()
    assert time.monotonic() - began < build.COMPILE_WITHIN / 2
    assert max(children_peak(), before) < 1 << 20, "KiB: of one process"
    assert not compilers(str(tmp_path)), "nothing goes on"


def children_peak() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def compilers(words: str) -> list[str]:
    """The processes with these words in their command."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_text(errors="replace").replace("\0", " ")
        except OSError:
            continue
        found += [command] if "cc1" in command and words in command else []
    return found


def test_what_the_compiler_says_is_shown_as_text(tmp_path: Path) -> None:
    source = tmp_path / SOURCE
    source.write_bytes(b'#pragma message "a\\n::error::owned\\n"\n#warning ' + HOSTILE.replace(b"\n", b""))
    worked, said = build.compile(source, tmp_path / "program")
    assert not worked and f"{SOURCE}:2:" in said
    harmless(said)


def test_only_a_regular_file_of_a_bounded_size_is_read(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_bytes(b"x" * 10)
    assert files.read_regular(good, 10) == b"x" * 10
    (tmp_path / "link").symlink_to(good)
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(300 << 30)
    wrong = {"link": "a symbolic link", "fifo": "a FIFO", "sparse": "has more than 10 bytes"}
    for name, why in wrong.items():
        with pytest.raises(Usage, match=why):
            files.read_regular(tmp_path / name, 10)
    with pytest.raises(Usage, match="a device"):
        files.read_regular(Path("/dev/zero"), 10)


def test_the_end_of_a_file_of_any_size(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as out:
        out.truncate(300 << 30)
    assert foreign.tail_of(log) == ""
    with log.open("ab") as out:
        out.write(HOSTILE)
    tail = foreign.tail_of(log)
    assert "[link=http://x.example]" in tail and len(tail) < 2 * foreign.TAIL
    harmless(tail)


def test_a_new_file_is_written_whatever_is_there(tmp_path: Path) -> None:
    """Two writers of one file each have their own partial file; a link is replaced, not followed."""
    mine, page = tmp_path / "mine", tmp_path / "page"
    mine.write_text("mine")
    page.symlink_to(mine)
    (tmp_path / ".page.part").symlink_to(mine)
    with files.replacing(page) as one, files.replacing(page) as other:
        one.write_text("one")
        other.write_text("other")
    assert mine.read_text() == "mine" and page.read_text() == "one" and not page.is_symlink()


# A class: twenty well-meaning students, ten hostile ones.


def honest(labs: Path, number: int) -> None:
    (labs / SOURCE).write_text(FIXED if number % 2 else BUGGY)


def _hides(labs: Path) -> None:
    """All connections that were shut down stay in a thread's descriptors; then it closes them."""
    hide = """
    static int gone[1000], count, kept;
    static void *keep(void *arg)
    {
        unshare(CLONE_FILES);
        __atomic_store_n(&kept, 1, __ATOMIC_SEQ_CST);
        for (;;)
            pause();
        return arg;
    }
    static void hide(int fd)
    {
        pthread_t thread;
        shutdown(fd, SHUT_RDWR);
        gone[count++] = fd;
        if (count < 100)
            return;
        pthread_create(&thread, NULL, keep, NULL);
        while (!__atomic_load_n(&kept, __ATOMIC_SEQ_CST))
            usleep(100);
        while (count)
            close(gone[--count]);
    }
    """
    head = "#include <pthread.h>\n#include <sched.h>\n#include <sys/socket.h>\n"
    text = FIXED.replace("static void readable_cb", f"{hide}\nstatic void readable_cb", 1)
    assert text.count("\t\tclose(fd);\n") == 1
    (labs / SOURCE).write_text(head + text.replace("\t\tclose(fd);\n", "\t\thide(fd);\n"))


def _source(text: str) -> Callable[[Path], None]:
    return lambda labs: (labs / SOURCE).write_text(text) and None


def _reads_notes_from(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def furnish(labs: Path) -> None:
        (labs / SOURCE).write_text(FIXED)
        make(labs / ".progress.json")

    return furnish


def _sparse(labs: Path) -> None:
    with (labs / SOURCE).open("wb") as file:
        file.truncate(300 << 30)


def _linked(labs: Path) -> None:
    labs.rmdir()
    labs.symlink_to("../student01/labs")


# By the name of the folder: its content, and what its row says.
CROOKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "reads": (_source(f'{FIXED}__asm__(".incbin \\"/etc/shadow\\"");'), "does-not-compile"),
    "big": (_source(f"{FIXED}char a[2u << 30] = {{1}};"), "does-not-compile"),
    "self": (_source("#include __FILE__\n" * 2), "does-not-compile"),
    "hides": (_hides, "half-repaired"),  # the census looks into each thread's descriptors
    "copies": (lambda labs: (labs / SOURCE).symlink_to(f"../../student01/labs/{SOURCE}"),
               "is a symbolic link"),
    "waits": (_reads_notes_from(lambda notes: os.mkfifo(notes)), "is a FIFO"),
    "zeros": (_reads_notes_from(lambda notes: notes.symlink_to("/dev/zero")), "is a symbolic link"),
    "sparse": (_sparse, "has more than"),
    os.fsdecode(b"bad\xff\xe9"): (_linked, "is a symbolic link"),
    "x\x1b[31m\n::error::owned\nok 9 owned": (_source("#error x\x1b[31m\n"), "does-not-compile"),
}  # fmt: skip


def test_a_class_of_thirty_of_whom_ten_are_hostile(run: Run, tmp_path: Path) -> None:
    names = [f"student{number:02}" for number in range(20)] + [*CROOKS]
    folders = [tmp_path / "class" / name / "labs" for name in names]
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True)
        crook = CROOKS.get(names[number])
        crook[0](folder) if crook else honest(folder, number)
    before = {path: path.lstat() for path in (tmp_path / "class").rglob("*")}
    done = run("linger", "lab-score", "--regrade", "--results", tmp_path / "results", *folders)
    assert done.returncode == 0, done.stderr
    scored = json.loads((tmp_path / "results" / "labs.json").read_text())["students"]
    assert len(scored) == 30
    for number, one in enumerate(scored):
        lab = one["labs"].get(LEAK, {})
        if crook := CROOKS.get(names[number]):
            assert not lab.get("solved") and crook[1] in (one["error"] or lab["diagnosis"]), one
        else:
            wanted = ("repaired", True) if number % 2 else ("untouched", False)
            assert (lab["diagnosis"], bool(lab["solved"])) == wanted and not one["error"], one
    for text in (done.stdout, done.stderr, *_strings(scored)):
        harmless(text)
    page = Page(tmp_path / "results" / "labs.html")
    assert page.text.count("does-not-compile") == 4
    after = {path: path.lstat() for path in (tmp_path / "class").rglob("*")}
    assert [(path, s.st_mtime_ns) for path, s in before.items()] == [
        (path, s.st_mtime_ns) for path, s in after.items()
    ], "nothing is written to a student's folder"
    assert not compilers(str(tmp_path)) and not compilers(SOURCE)


def _strings(value: Any) -> Iterator[str]:
    """All texts in a JSON document, lines apart."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)


def test_the_same_folder_by_two_paths_counts_once(tmp_path: Path) -> None:
    from linger.workshop import score

    (tmp_path / "zoe" / "labs").mkdir(parents=True)
    (tmp_path / "aaron").symlink_to("zoe")
    folders = [tmp_path / name / "labs" for name in ("aaron", "zoe")]
    aaron, zoe = score.collect(folders, [texts.load(LEAK)], False, tmp_path)
    assert (aaron["who"], zoe["who"], zoe["error"]) == ("aaron", "zoe", None)
    assert "name each only once" in aaron["error"]


def test_what_only_a_student_says_is_shown_as_noted(run: Run, tmp_path: Path) -> None:
    place = Workplace(tmp_path / "labs")
    place.note("timewait-no-descriptor", solved=time.time())
    words = ["lab-score", "--regrade", "--results", tmp_path / "results", place.folder]
    done = run("linger", *words)
    assert "no program to run again: timewait-no-descriptor" in done.stdout, done.stderr
    assert "noted</small>" in (tmp_path / "results" / "labs.html").read_text()


def test_names_of_folders_do_not_go_through_make(run: Run) -> None:
    done = subprocess.run(["make", "-n", "lab-score", "DIRS=$(shell echo obeyed >&2)"], cwd=ROOT,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 2 and "obeyed" not in done.stderr
    assert "call build/linger lab-score DIR" in done.stderr


# Servers of others.


def check(run: Run, tmp_path: Path, *words: object) -> subprocess.CompletedProcess[str]:
    options = ["--port", 9000, "--patience", 2, "--only", "abandon", "--results", tmp_path / "results"]
    return run("linger", "check", *options, *words)


def test_a_check_of_a_hostile_server(run: Run, tmp_path: Path) -> None:
    server = [sys.executable, PLANTED / "hostile.py", 9000]
    formats = {name: tmp_path / name for name in ("json", "junit")}
    options = [word for name, path in formats.items() for word in (f"--{name}", path)]
    done = check(run, tmp_path, *options, "--tap", "--", *server)
    assert done.returncode == 1, done.stdout + done.stderr
    document = json.loads(formats["json"].read_text())
    validator("check").validate(document)
    [result] = document["results"]
    assert result["verdict"] == "LEAK" and result["held"][0]["process"].startswith("x?ok 9 ")
    for text in _strings(document):
        harmless(text)
    root = ElementTree.parse(formats["junit"]).getroot()
    assert len(root.findall(".//failure")) == 1
    for element in root.iter():
        for text in (element.text or "", *element.attrib.values()):
            harmless(text)
    found = parse(done.stdout)
    assert found == {"abandon": (False, {})}
    harmless(done.stdout + done.stderr)


def test_a_hostile_server_for_people(run: Run, tmp_path: Path) -> None:
    """One that ends at once: its last output is shown."""
    code = f"import os, sys; os.write(1, {HOSTILE!r}); sys.exit(5)"
    done = check(run, tmp_path, "--", sys.executable, "-c", code)
    assert done.returncode == 3 and "[link=http://x.example]x[/link]" in done.stderr
    harmless(done.stdout + done.stderr)


@pytest.mark.parametrize("mode", ["hides-in-thread", "hides-in-message"])
def test_a_leak_that_no_descriptor_shows(run: Run, tmp_path: Path, mode: str) -> None:
    done = check(run, tmp_path, "--", sys.executable, PLANTED / "server.py", mode, 9000)
    assert done.returncode == 1, done.stdout
    assert re.search(r"LEAK +still held after .* \d+ sockets that no descriptor shows", done.stdout)
    if mode == "hides-in-thread":
        assert re.search(r"\d+ × socket, python3\S* pid \d+ \(in descriptors that its thread ", done.stdout)


# Runs of others.


@pytest.fixture
def evil(run: Run, once: Once, tmp_path: Path) -> Path:
    """A run whose evidence has hostile text wherever a program can choose it."""

    def fill(results: Path) -> None:
        assert run("linger", "run", LEAK, "--results", results).returncode == 0
        for file in results.glob("2*/*/*/result.json"):
            result = json.loads(file.read_text())
            spoilt = copy.deepcopy(result)
            spoilt.update(verdict="fail", message=TEXT)
            for owner in (one for owners in spoilt["owners"].values() for one in owners):
                owner["process"] = TEXT
            for process in spoilt["processes"]:
                process["program"] = TEXT
            for row in spoilt["expectations"]:
                row.update(held=False, expected=TEXT)
            file.write_text(json.dumps(spoilt))

    mine = tmp_path / "evil"
    shutil.copytree((once("evil", fill) / "latest").resolve(), mine)
    return mine


def test_a_hostile_run_is_shown_as_text(run: Run, evil: Path) -> None:
    for words in (["show", LEAK, "--run", evil], ["report", evil]):
        done = run("linger", *words)
        assert done.returncode == 0, done.stderr
        harmless(done.stdout + done.stderr)
    pages = [Page(file) for file in evil.rglob("index.html")]
    assert len(pages) == 2 and any("[link=http://x.example]" in page.text for page in pages)
    for page in pages:
        harmless(page.source)
    with (evil / "tap").open("w+") as out:
        writer = tap.Tap(evil, out)
        writer._plan({"node": LEAK})
        writer._names["node"], writer._complaints["node"] = "buggy", TEXT
        writer._end("node")
        written = Path(out.name).read_text()
    harmless(written)
    assert parse(written) == {LEAK: (False, {"buggy": (False, {})})}
    assert "# server CLOSE_WAIT: measured 100, expected \ufffd[31mred" in written


@pytest.mark.parametrize("place", ["index.html", LEAK])
def test_a_report_follows_no_link(run: Run, evil: Path, tmp_path: Path, place: str) -> None:
    theirs, mine = evil, tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("mine")
    if place == LEAK:
        (theirs / LEAK).rename(tmp_path / "away")
        shutil.copytree(tmp_path / "away", mine, dirs_exist_ok=True)
        (mine / "index.html").write_text("mine")
        (theirs / LEAK).symlink_to(mine)
    else:
        (theirs / place).unlink(missing_ok=True)
        (theirs / place).symlink_to(mine / "index.html")
        (theirs / ".index.html.part").symlink_to(mine / "index.html")
    done = run("linger", "report", theirs)
    assert (mine / "index.html").read_text() == "mine"
    assert done.returncode == (77 if place == LEAK else 0), done.stderr


def test_the_printer_lets_nothing_steer_but_its_own_colours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printer, "is_terminal", lambda *_: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    printer.say(f"{TEXT}{printer.paint('PASS', 'green')}\x1b[31m\x1b[8m")
    printer.print_table(["a", "verdict"], [[TEXT, "FAIL"]])
    said = capsys.readouterr().out
    ours = ("\x1b[32mPASS\x1b[0m", "\x1b[31mFAIL\x1b[0m")
    assert [said.count(words) for words in ours] == [1, 1]
    harmless(said.replace(ours[0], "").replace(ours[1], ""))


def test_what_is_said_while_it_runs_is_no_markup() -> None:
    pytest.importorskip("rich")
    from linger.cli.console import Progress

    progress = Progress()
    progress.show(["x"], TEXT)  # MarkupError, when it is taken for some
    progress.stop()
