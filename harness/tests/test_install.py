"""What users get: a relocatable tree (`make install`), and a tar that needs nothing else."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Iterator

import pytest
from callers import ORDINARY, after, may_become_another
from conftest import HANGS, Run, started
from test_make import make

from linger.cli import main
from linger.lab.environment import outside
from linger.lab.programs import ROOT, program, typed

INSTALL = ROOT / "harness/install"
CAPTURE = ROOT / "harness/tests/captures/closewait-leak.pcap"
TOOLS = ("blame", "census", "linger", "turncoat", "wire")
SEEN = Path("/mnt")  # where an ordinary user sees the test's folder, which is closed to others
MOST = 8_000_000  # bytes of the tar
Done = subprocess.CompletedProcess[str]


def contents(folder: Path) -> dict[Path, bytes | str]:
    """The contents of the files under a folder, and the targets of its links."""
    return {
        path: str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


HELP2MAN = """#!/bin/sh
for word; do
	case $word in
	--output=*) page=${word#*=} ;;
	esac
done
"$word" --help >"$page"
"""


class Installed:
    """An installation that was moved after staging, for a user who may only read it."""

    def __init__(self, folder: Path) -> None:
        """folder: an empty one."""
        self.folder = folder
        folder.chmod(0o755)
        prefix, stage = "/opt/some where", folder / "stage"
        kept = f"--old-file={program('linger').relative_to(ROOT)}"  # else its Python is chosen anew
        words = [kept, "install", f"DESTDIR={stage}", f"PREFIX={prefix}"]
        env = outside()
        if not shutil.which("help2man"):  # `make deps` does not bring it
            words.append(f"MANUALS={folder}/manuals")
            path = folder / "help2man"
            path.write_text(HELP2MAN)
            path.chmod(0o755)
            env["PATH"] = f"{folder}:{env['PATH']}"
        done = make(*words, env=env)
        assert (done.returncode, done.stdout) == (0, ""), done.stdout
        self.prefix = (stage / prefix[1:]).rename(folder / "moved")
        self.work = folder / "work"
        self.work.mkdir()
        self.work.chmod(0o777)

    def run(self, *words: str, **env: str) -> Done:
        """Run one of its programs as an ordinary user, in that user's folder."""
        see = after(f"mount --bind '{self.folder}' {SEEN}\ncd {SEEN}/work")
        user = ORDINARY if may_become_another() else []
        theirs = {k: v for k, v in outside().items() if not k.startswith(("LINGER", "PY", "RES"))}
        path = f"{SEEN}/moved/bin:{theirs['PATH']}"
        return subprocess.run(
            ["unshare", "--mount", *see, *user, *words], env={**theirs, "PATH": path, **env},
            capture_output=True, text=True, timeout=HANGS,
        )  # fmt: skip


@contextlib.contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Check that nothing changes or adds a file under a folder."""
    before = contents(folder)
    yield
    assert contents(folder) == before


FOREIGN = """
def test_it_lets_go(lab):
    server = lab.run(["{program}", "-l", "10.0.0.2", "-p", "9000"], port=9000)
    lab.peer("connect hello fin", connections=3).wait()
    lab.happened(server, ESTABLISHED=3)
    lab.expect(server, CLOSE_WAIT=0, descriptors=0)
"""


@pytest.mark.takes(25)
def test_an_installation_works_for_everyone_and_anywhere(run: Run, tmp_path: Path) -> None:
    """In one test, because an installation takes two seconds."""
    installed = Installed(tmp_path)
    tree = contents(installed.prefix)
    assert {path.name for path in installed.prefix.joinpath("bin").iterdir()} == {*TOOLS}
    away = [str(path) for path, held in tree.items() if isinstance(held, str) and held[0] == "/"]
    assert {Path(path).name for path in away} <= {"python"}
    named = [path for path, held in tree.items() if isinstance(held, bytes) and bytes(ROOT) in held]
    assert tree and named == [], "they know where they were built"
    with unchanged(installed.prefix):
        for words in ("linger list", "linger check --list", "census --help", "linger --version"):
            name, *more = words.split()
            ours = run(name, *more).stdout
            assert installed.run(name, *more).stdout == ours != "", words
        shutil.copy(CAPTURE, installed.work)
        drawn = installed.run("wire", "ladder", CAPTURE.name)
        assert drawn.stdout == run("wire", "ladder", CAPTURE).stdout, drawn.stderr

        ran = installed.run("linger", "run", "closewait-leak", "-n", "3", "--blame")
        assert (ran.returncode, ran.stderr) == (0, "") and "report: linger report" in ran.stdout
        assert re.search(r"at closewait_leak_buggy.c:\d+ readable_cb\(\)", ran.stdout), "the pairs have lines"
        assert re.search(r"^ +> +\d+  ", ran.stdout, re.M), "and their sources are found"
        assert (installed.work / "results/latest").exists()
        shown = installed.run("linger", "report")
        assert (shown.returncode, shown.stderr) == (0, "")
        lab = installed.run("linger", "lab", "closewait-leak")
        assert lab.returncode == 1 and (installed.work / "labs/closewait_leak.c").exists(), lab
        assert "This is the bug, measured." in lab.stdout, "it was compiled, and run"
        assert "linger lab closewait-leak --hint 1" in lab.stdout and "make " not in lab.stdout
        tests = installed.run("linger", "test")
        assert tests.returncode == 77 and "tests are not installed" in tests.stderr

        server = next(installed.prefix.rglob("programs/servers/closewait_leak_fixed"))
        server = SEEN / server.relative_to(tmp_path)
        (installed.work / "test_it.py").write_text(FOREIGN.format(program=server))
        (packages,) = installed.prefix.glob("lib/python3*/*-packages")
        path = str(SEEN / packages.relative_to(tmp_path))
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
        tested = installed.run(*words, PYTHONPATH=path)
        assert "1 passed" in tested.stdout, tested.stdout + tested.stderr

    the_pages_hold_every_option(run, installed.prefix / "share/man/man1")
    done = make("uninstall", "DESTDIR=", f"PREFIX={installed.prefix}")
    assert done.returncode == 0 and contents(installed.prefix) == {}


def told(*words: str) -> str:
    """The help of a linger command, without a process for each."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main._parser().parse_args([*words, "--help"])
    return out.getvalue()


def the_pages_hold_every_option(run: Run, folder: Path) -> None:
    commands = re.findall(r"^    ([a-z-]+)", told(), re.M)
    assert {"run", "check", "lab-score"} <= {*commands}
    pages = {tool: run(tool, "--help").stdout for tool in TOOLS}
    pages |= {f"linger-{command}": told(command) for command in commands}
    assert {page.stem for page in folder.iterdir()} == {*pages}
    for name, text in pages.items():
        options = re.findall(r"(?<![\w-])--?[a-z][\w-]*", text)
        page = (folder / f"{name}.1").read_text().replace("\\-", "-")
        assert "--help" in options and [each for each in options if each not in page] == [], name


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """The folder from the tar, under a different name."""
    folder = ROOT / "build"  # whatever this build is: with sanitizers they are not for other machines
    assert make("SAN=", f"{folder.name}/census", f"{folder.name}/wire").returncode == 0
    words = [INSTALL / "portable", folder.name, tmp_path / "tar", "census", "wire"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    file = Path(done.stdout.strip())
    assert file.stat().st_size <= MOST
    with tarfile.open(file) as tar:
        assert {entry.mtime for entry in tar} == {315532800}
        assert tar.getnames() == sorted(tar.getnames())
        tar.extractall(tmp_path)
    return (tmp_path / file.name.partition(".tar")[0]).rename(tmp_path / "moved there")


def test_the_tar_needs_nothing_of_the_machine(moved: Path, run: Run, tmp_path: Path) -> None:
    named = [path for path, held in contents(moved).items() if bytes(ROOT) in bytes(held)]
    assert named == [], "they know where they were built"
    assert len([*moved.glob("licenses/*")]) >= 4
    link = tmp_path / "count"
    link.symlink_to(moved / "census")
    ladder = run("wire", "ladder", CAPTURE, env={}).stdout
    assert "CLOSE_WAIT" in ladder
    for env in ({}, {"PATH": "", "LD_LIBRARY_PATH": ""}):
        for words, told in (
            ([moved / "wire", "ladder", CAPTURE], ladder),
            ([moved / "census", "--version"], run("census", "--version").stdout),
            ([link, "--version"], run("census", "--version").stdout),
        ):
            done = subprocess.run(words, env=env, cwd="/", capture_output=True, text=True)
            assert (done.returncode, done.stdout, done.stderr) == (0, told, "")
    theirs = {"LD_PRELOAD": "/nowhere.so", "LD_LIBRARY_PATH": "/nowhere"}
    done = subprocess.run([moved / "census"], env=theirs, capture_output=True, text=True)
    assert done.stderr.count("LD_PRELOAD") == 1, "of the shell's loader only"
    beside = subprocess.run(["sh", "census", "--bad"], cwd=moved, capture_output=True, text=True)
    assert beside.returncode == 2 and beside.stderr.startswith("census: ")
    with started([str(moved / "census"), "--stream"]) as census:
        assert census.stdout and census.stdout.readline()
        maps = Path(f"/proc/{census.pid}/maps").read_text()
        environment = Path(f"/proc/{census.pid}/environ").read_text().split("\0")
    mapped = {Path(file) for file in re.findall(r" (/.*)$", maps, re.M)}
    assert len(mapped) >= 4 and {file.parent for file in mapped} == {moved / "lib"}
    assert [word for word in environment if word.startswith("LD_")] == []


NEEDS = {"man": ["build", "nowhere", "census"], "deb": ["nowhere"]}


@pytest.mark.parametrize("script", NEEDS)
def test_what_only_a_package_needs_is_named(tmp_path: Path, script: str) -> None:
    for name in ("cat", "realpath"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    words = [INSTALL / script, *NEEDS[script]]
    env = {"PATH": str(tmp_path)}
    done = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (77, 1), done.stderr
    assert "apt-get install" in done.stderr


def test_the_sources_come_from_no_repository_of_others(tmp_path: Path) -> None:
    """In a tree of `make dist` git finds what is around it."""
    tree = tmp_path / "linger"
    (tree / "harness").mkdir(parents=True)
    for name in ("VERSION", "COMMIT"):
        (tree / "harness" / name).write_text("1\n")
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\necho 0123456789ab\n")  # of whatever is around it
    git.chmod(0o755)
    done = subprocess.run([INSTALL / "dist", tmp_path / "dist"], cwd=tree, capture_output=True, text=True,
                          env={"PATH": f"{tmp_path}:/usr/bin:/bin"})  # fmt: skip
    assert done.returncode == 77 and "not a clone" in done.stderr
    assert not (tmp_path / "dist").exists()


def test_an_installation_takes_nothing_of_others(tmp_path: Path) -> None:
    theirs = tmp_path / "lib/linger/theirs"
    theirs.mkdir(parents=True)
    words = [INSTALL / "install", "--remove", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (77, 1) and theirs.exists()


@pytest.mark.parametrize(
    "told, here",
    [
        ("then make lab-reset-leak HINT=2", "then linger lab reset-leak --hint 2"),
        ("(make lab-reset-leak PREDICT=a)", "(linger lab reset-leak --predict a)"),
        ("(See make\nlab-reset-leak)", "(See linger\nlab reset-leak)"),
        ("<code>make scenario-a-b</code>", "<code>linger run a-b</code>"),
        ("report: make report", "report: linger report"),
        ("build/linger report x", "linger report x"),
        ("it lacks x; run: make deps all", "it lacks x; install what is missing"),
        ("not built; run: make", "not built; install linger again"),
        ("Recorders make labels", "Recorders make labels"),
    ],
)
def test_texts_say_what_to_type_where_there_is_no_makefile(told: str, here: str) -> None:
    assert typed(told, installed=True) == here
    assert typed(told, installed=False) == told
