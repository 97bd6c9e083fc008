"""The mutator, the list of equivalent mutants, and a few judged mutants: `make mutants` in miniature."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from linger.lab.errors import Usage
from linger.lab.programs import ROOT
from linger.run import toml

sys.path.insert(0, str(ROOT / "harness" / "mutants"))
import mutate  # noqa: E402
import survey as mutants  # noqa: E402

MOST_EQUIVALENT = 0.1
SAMPLE = """/* close(fd); */
static void serve(int fd)
{
	ssize_t n = recv(fd, "close(fd)", 9, MSG_DONTWAIT); // close(fd)

	if (n <= 0)
		close(fd);
	bufferevent_free(part(of, (fd)));
}

int main(void)
{
	signal(SIGCHLD, SIG_IGN);
	event_base_dispatch(base);
	close(fd);
	poll(0, 0, 1);
}
"""


def test_a_program_is_changed_in_one_place_and_only_in_its_code() -> None:
    found = mutate.mutants(SAMPLE)
    assert [(mutant.name, mutant.line) for mutant in found] == [
        ("serve MSG_DONTWAIT#1 missing", 4),
        ("serve end#1 overlooked", 6),
        ("serve end#1 errors overlooked", 6),
        ("serve close#1 left out", 7),
        ("serve close#1 twice", 7),
        ("serve close#1 as shutdown", 7),
        ("serve bufferevent_free#1 left out", 8),
        ("serve bufferevent_free#1 twice", 8),
        ("serve bufferevent_free#1 as bufferevent_disable", 8),
        ("serve bufferevent_free#1 as bufferevent_setfd", 8),
        ("main signal#1 left out", 13),
    ]
    changed = {mutant.name: mutant.source for mutant in found}
    assert "\t\tshutdown(fd, SHUT_RDWR);\n" in changed["serve close#1 as shutdown"]
    assert "bufferevent_setfd(part(of, (fd)), -1);" in changed[found[9].name]
    assert all(mutant.source.count("\n") == SAMPLE.count("\n") != mutant.source for mutant in found)


def test_every_mutant_has_a_name_of_its_own() -> None:
    names = [case.name for case in mutants.cases()]
    assert len(names) == len({*names}) > 400
    with pytest.raises(Usage, match="closewait-leek is not an exercise"):
        mutants.cases(["closewait-leek"])


def test_every_call_and_flag_is_one_that_programs_have() -> None:
    found = {case.mutant.name.split()[1].partition("#")[0] for case in mutants.cases()}
    assert {*mutate.CALLS, *mutate.FLAGS} - found == set()


def test_what_is_called_equivalent_exists_and_is_little() -> None:
    names = [case.name for case in mutants.cases()]
    known = mutants.rules()
    equal = [name for name in names if mutants.reason(name, known)]
    assert len(equal) <= MOST_EQUIVALENT * len(names)
    idle = [pattern for pattern in known if not any(mutants.reason(name, {pattern: "x"}) for name in names)]
    assert not idle, "no mutant has that name"
    assert all(rule["why"].endswith(".") for rule in toml.read(mutants.EQUIVALENT)["rule"])


def test_a_few_are_judged_and_not_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, wanted = mutants.QUICK
    few = [case for case in mutants.cases([name]) if case.mutant.name in wanted]
    record = tmp_path / "judged.jsonl"
    verdicts = mutants.survey(few, record)
    assert [verdicts[case.name] for case in few] == ["remark", "still-holds"]
    lines = record.read_text()
    record.write_text(f'{lines}{{"digest')  # it was interrupted in the middle of a line
    assert mutants.survey(few, record) == verdicts
    assert len(record.read_text().splitlines()) == len(few) + 1, "nothing was judged again"
    verdicts[few[0].name] = mutants.SURVIVED
    assert not mutants.show(few, verdicts)
    told = capsys.readouterr().out
    assert f"survived: {few[0].name} (line" in told and json.loads(lines.splitlines()[0])
