"""The parsers against unlikely input: corpora and a short, repeatable search.

With clang's libFuzzer a target runs its corpus and then a number of inputs made from it, the same ones each
time; without it, only its corpus. `make fuzz` searches for longer.
"""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from linger.lab import census
from linger.lab.errors import Usage
from linger.lab.programs import ROOT, program

FUZZ = ROOT / "harness" / "fuzz"
TARGETS = sorted(path.stem[5:] for path in FUZZ.glob("fuzz_*.c"))
RUNS, FEWER = 10_000, {"ladder": 2_000}  # inputs of a search of a second or two


def executed(output: str) -> int:
    """How many inputs a target says that it ran."""
    return int(re.findall(r"stat::number_of_executed_units: +(\d+)", output)[-1])


@pytest.mark.takes(10)
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_breaks_a_parser(target: str, tmp_path: Path) -> None:
    corpus = FUZZ / "corpus" / target
    inputs = len(list(corpus.iterdir()))
    found = tmp_path / "found"  # libFuzzer writes to the first folder
    found.mkdir()
    done = subprocess.run(
        [
            program(f"fuzz/{target}"), f"-runs={FEWER.get(target, RUNS)}", "-seed=1", "-timeout=60",
            "-print_final_stats=1", f"-artifact_prefix={tmp_path}/", found, corpus,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert inputs >= 5, "an empty corpus shows nothing"
    assert executed(done.stderr) >= inputs


def test_a_target_that_breaks_is_seen(tmp_path: Path) -> None:
    """The same, with a target that must fail at its second input."""
    source = tmp_path / "broken.c"
    source.write_text(
        '#include "fuzz/fuzz.h"\n'
        "int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)\n"
        "{ MUST(size < 2 || bytes[1] != 'x'); return 0; }\n"
    )
    (tmp_path / "corpus").mkdir()
    for name, content in (("1", "a"), ("2", "ax")):
        (tmp_path / "corpus" / name).write_text(content)
    target = tmp_path / "broken"
    compiler = program("fuzz/compiler").read_text().split()
    words = [*compiler, "-D_GNU_SOURCE", f"-I{ROOT}/harness", source, FUZZ / "driver.c"]
    subprocess.run([*words, "-o", target], check=True)
    done = subprocess.run(
        [target, tmp_path / "corpus", "-runs=9"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0 and "not true" in done.stderr


SIGNS = ["==", "!=", "<=", ">=", "<", ">"]


def test_python_and_the_census_compare_alike() -> None:
    """census.holds() and `census --until` agree on the same term."""
    dice = random.Random(1)
    nothing = "LISTEN - LISTEN"  # a comparison of constants is refused
    numbers = [0, 1, 2, 99, 100, 101, 2**31, 2**62]
    for _ in range(60):
        measured, number = dice.choice(numbers), dice.choice(numbers)
        value = f"{dice.choice(SIGNS)}{' ' * dice.randrange(3)}{number}"
        words = [program("census"), "--until", census.term(f"{nothing} + {measured}", value)]
        done = subprocess.run([*words, "--within", "0s"], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        assert census.holds(measured, value) == (done.returncode == 0), (measured, value)


def test_an_expectation_is_understood_or_refused() -> None:
    """Every word made from the parts of expectations, against a plain rule for them."""
    dice = random.Random(1)
    pieces = [*SIGNS, "=", "!", " ", "-", "+", "0", "7", "100", "1.5", "\u0663", "\n", "x", ""]
    seen = {True: 0, False: 0}
    for _ in range(20_000):
        word = "".join(dice.choices(pieces, k=dice.randrange(1, 5)))
        sign = next((sign for sign in SIGNS if word.startswith(sign)), "")
        digits = word[len(sign) :].lstrip(" ")
        right = digits.isascii() and digits.isdecimal()
        seen[right] += 1
        if right:
            assert census.comparison(word) == (sign or "==", int(digits)), repr(word)
            assert census.comparison(census.term("", word).strip()) == census.comparison(word)
        else:
            with pytest.raises(Usage):
                census.comparison(word)
    assert min(seen.values()) > 1000, "the dice throw only one kind"
