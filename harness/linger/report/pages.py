"""The pages of a run, written beside its evidence: an index, and a page for each scenario."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence, TypeVar

import jinja2
from markupsafe import Markup

from linger.claims import judge
from linger.lab import files
from linger.lab.errors import Broken, CannotRun, LingerError, os_sentence
from linger.lab.foreign import printable_lines
from linger.lab.programs import typed
from linger.report import blamed, findings, grid, ladder, palette, plot, prose, scale, words
from linger.report.collect import Run, Scenario, collect
from linger.run import results, scenarios

T = TypeVar("T")
COPY = "copy the run to a folder where you may write, and report on that"
MOST_REPETITIONS = 500  # to list on a page
FILTERS = (
    "href seconds expected moment date owners failures tables shortened verdicts counts "
    "bars went segments kind"
).split()


def write(path: Path) -> Path:
    """Write the report of the run in a directory; returns the path of its index.

    Errors: CannotRun when the run cannot be read or the pages cannot be written.
    """
    try:
        for kind in (findings, scale, grid):
            if kind.is_of(path):
                for file, page in kind.pages(path, _draw).items():
                    _write(file, page)
                return path / "index.html"
        book = Book.of(collect(path))
        for number, scenario in enumerate(book.order):
            _write(path / scenario.name / "index.html", book.page(number))
        index = path / "index.html"
        _write(index, book.index())
    except OSError as error:
        raise CannotRun(f"cannot report on {path}: {os_sentence(error)}") from error
    return index


def _write(file: Path, page: str) -> None:
    """Write a page into the run. The run may be another user's, and a folder in it may be a link.

    Errors: CannotRun.
    """
    if file.parent.is_symlink():
        raise CannotRun(f"{file.parent} is a symbolic link, and pages would be written to where it "
                        f"leads; {COPY}")  # fmt: skip
    files.write_text(file, page, COPY)


@dataclass(frozen=True)
class Book:
    """A run with what is said about it."""

    run: Run
    order: list[Scenario]  # of the pages
    judged: Sequence[Any]  # claims
    claims_sentence: str  # why there are none

    @classmethod
    def of(cls, run: Run) -> Book:
        judged: Sequence[Any] = ()
        sentence = ""
        try:
            judged = judge.judge(run.results)
        except LingerError as error:
            sentence = str(error)
        order = sorted(run.scenarios, key=lambda one: (not one.pair, one.held, one.name))
        return cls(run, order, judged, sentence)

    def index(self) -> str:
        """The page of the run."""
        counted = {name for scenario in self.order for name in words.counts(scenario)}
        present_in = {scenario.name for scenario in self.order}.intersection
        pairs = [scenario for scenario in self.order if scenario.pair]
        kernel = [scenario for scenario in self.order if not scenario.pair]
        return self._render(
            "index.html.j2",
            summary=words.summary(self.run),
            groups=[
                ("Programs: a bug and its repair", pairs),
                ("The kernel: a condition and its control", kernel),
            ],
            filters=[name for name in ("failed", *words.FILTERS) if name in counted],
            judged=self.judged,
            decided=[claim for claim in self.judged if present_in(claim.scenarios)],
            partial=len(self.order) < len(scenarios.names()),
            claims_sentence=self.claims_sentence,
        )

    def page(self, number: int) -> str:
        """The page of a scenario. Errors: Broken when its evidence has another shape."""
        scenario = self.order[number]
        try:
            return self._page(number, scenario)
        except (LookupError, TypeError, ValueError, jinja2.UndefinedError) as error:
            raise Broken(
                f"{scenario.name}: evidence that is not as linger writes it ({error!r})"
            ) from error

    def _page(self, number: int, scenario: Scenario) -> str:
        names = [None, *(one.name for one in self.order), None]
        listed, unlisted = words.repetitions(scenario, MOST_REPETITIONS)
        return self._render(
            "scenario.html.j2",
            scenario=scenario,
            prose=prose.tell(scenario.name),
            answers=_of(scenarios.answers, scenario.name),
            expected=_of(scenarios.disagreements, scenario.name) or {},
            cure=words.cure(scenario.name),
            blamed=blamed.told(self.run.path / scenario.name / scenarios.BUGGY),
            proving=any(one.verdict == "told apart" for one in scenario.labs),
            judged=[claim for claim in self.judged if scenario.name in claim.scenarios],
            before=names[number],
            after=names[number + 2],
            repetitions=listed,
            unlisted=unlisted,
        )

    def _render(self, template: str, **values: object) -> str:
        return _draw(template, run=self.run, **values)


def _draw(name: str, **values: object) -> str:
    """A page of a template, with nothing unprintable in it."""
    page = _templates().get_template(name).render(**values)
    return printable_lines(typed(page))


def _of(read: Callable[[str], T], name: str) -> T | None:
    """What is read of the file beside a scenario; None when nobody has written it."""
    try:
        return read(name)
    except LingerError:
        return None


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update({name: getattr(words, name) for name in FILTERS})
    environment.filters.update(
        labels=results.labels,
        linked=prose.linked,
        spoken=prose.spoken,
        title_of=lambda name: prose.tell(name).title,
        segment=ladder.label,
        plot=lambda timeline: Markup(plot.draw(timeline)),
        ladder=lambda connection: Markup(ladder.draw(connection)),
        svg=Markup,
    )
    schemes = {scheme: palette.variables(scheme) for scheme in ("light", "dark")}
    style = environment.get_template("style.css").render(schemes)
    environment.globals["style"] = Markup(style)
    return environment
