"""Who has solved what: results/labs.json and results/labs.html, for the instructor.

It reads the progress that each checkout recorded itself. A student can write that file; regrading
runs every program again instead of trusting it. An exercise without a program leaves only a note,
and is shown as one. An unreadable folder becomes a row that says why.
"""

from __future__ import annotations

import html
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Sequence

from linger.lab import files
from linger.lab.errors import LingerError, os_sentence
from linger.lab.foreign import printable
from linger.run import printer
from linger.workshop import grade
from linger.workshop.texts import Text
from linger.workshop.workplace import LATEST, Workplace

SCHEMA = 1
Score = dict[str, Any]


def collect(
    folders: Sequence[Path], course: Sequence[Text], regrade: bool, evidence: Path
) -> list[Score]:
    """What each folder's owner has done.

    folders: labs/ of checkouts; regrade: run every program again; evidence: the folder for it.
    """
    scores = [_of(Workplace(folder), course, same) for folder, same in zip(folders, _twice(folders))]
    if regrade:
        files.make_folder(evidence)  # one sentence instead of one for each program
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda job: _regrade(*job, evidence), _jobs(folders, scores, course)))
    return scores


def _jobs(
    folders: Sequence[Path], scores: Sequence[Score], course: Sequence[Text]
) -> list[tuple[list[Path], Text, list[dict[str, Any]]]]:
    """What to run: for each exercise every distinct program once, with the files that contain it and the
    notes on them. Many students have the same program, at least the untouched one."""
    jobs: dict[tuple[str, str], tuple[list[Path], Text, list[dict[str, Any]]]] = {}
    for place, score in zip(map(Workplace, folders), scores):
        for text in course:
            if not text.buggy or text.name not in score["labs"]:
                continue
            lab = score["labs"][text.name]
            sources, _, labs = jobs.setdefault((text.name, lab["digest"]), ([], text, []))
            sources.append(place.judged(text))
            labs.append(lab)
    return list(jobs.values())


def _twice(folders: Sequence[Path]) -> list[str]:
    """For each folder, the other path by which it was also given; "" if none.

    A path without links is the folder itself, whichever comes first.
    """
    real = [os.path.realpath(folder) for folder in folders]
    itself: dict[str, Path] = {}
    for folder, path in sorted(zip(folders, real), key=lambda x: os.path.abspath(x[0]) != x[1]):
        itself.setdefault(path, folder)
    return ["" if itself[path] is folder else str(itself[path]) for folder, path in zip(folders, real)]


def who(folder: Path) -> str:
    """The owner of a folder, by the checkout's directory, as in anna/labs or anna/linger/labs.

    By the path as given: resolving a link would make one student's folder another's.
    """
    parts = [part for part in Path(os.path.abspath(folder)).parts if part not in ("labs", "linger")]
    return printable(parts[-1])


def _of(place: Workplace, course: Sequence[Text], same_as: str) -> Score:
    """What the progress file of a folder says, as far as the files still confirm it.

    same_as: another path of the very same folder, or "".
    """
    labs: dict[str, Any] = {}
    folder = place.folder
    score = {"who": who(folder), "folder": printable(str(folder)), "labs": labs, "error": None}
    if folder.is_symlink() or not folder.is_dir():
        kind = "a symbolic link" if folder.is_symlink() else "no folder"
        return score | {"error": printable(f"{folder} is {kind}; name the folder itself")}
    if same_as:
        return score | {"error": printable(f"{folder} is the same folder as {same_as}; name each only once")}
    try:
        progress = place.progress()
    except (LingerError, OSError) as error:
        return score | {"error": _sentence(error)}
    for text in course:
        started = os.path.lexists(place.judged(text)) if text.buggy else text.name in progress
        if not started:
            continue
        noted = progress.get(text.name, {})
        try:
            digest = place.digest(text)
        except (LingerError, OSError) as error:
            score["error"] = "; ".join(filter(None, (score["error"], _sentence(error))))
            continue
        labs[text.name] = {
            "solved": noted.get("solved") if noted.get("digest", "") == digest else None,
            "runs": noted.get("runs", 0),
            "hints": noted.get("hints", 0),
            "predicted": noted.get("predicted", ""),
            "right": noted.get("predicted") == text.answer,
            "digest": digest,
            "diagnosis": None,
            "judged": False,
        }
    return score


def _sentence(error: LingerError | OSError) -> str:
    """What is wrong with a folder; a student's own names may be in it."""
    return printable(os_sentence(error) if isinstance(error, OSError) else str(error))


def _regrade(
    sources: list[Path], text: Text, labs: list[dict[str, Any]], evidence: Path
) -> None:
    """Replace what students noted about the same program by what it does now."""
    try:
        found = grade.grade(text, sources[0], evidence).diagnosis
        changed = [min(max(0.0, file.lstat().st_mtime), LATEST) for file in sources]
    except (LingerError, OSError) as error:
        for lab in labs:
            lab.update(solved=None, diagnosis=f"not graded: {_sentence(error)}")
        return
    for lab, when in zip(labs, changed):
        solved = (lab["solved"] or when) if found.repaired else None
        lab.update(diagnosis=found.word, judged=True, solved=solved)


def write(scores: list[Score], course: Sequence[Text], folder: Path) -> tuple[Path, Path]:
    """Write labs.html and labs.json into a folder; returns the paths."""
    files.make_folder(folder)
    page, data = folder / "labs.html", folder / "labs.json"
    now = time.time()
    names = [text.name for text in course]
    files.write_json(data, {"schema": SCHEMA, "time": now, "labs": names, "students": scores})
    files.write_text(page, _page(scores, names, now))
    return page, data


def show(scores: list[Score], course: Sequence[Text], regraded: bool) -> None:
    """The same on the terminal, one line per student. regraded: whether programs were run again."""
    for score in scores:
        done = [name for name, lab in score["labs"].items() if lab["solved"]]
        begun = [name for name, lab in score["labs"].items() if not lab["solved"]]
        printer.say(
            f"{score['who']:20} {len(done)} of {len(course)} done; begun: "
            f"{', '.join(begun) or '-'}{'; ' + score['error'] if score['error'] else ''}"
        )
    noted = {name for score in scores for name, lab in score["labs"].items()
             if lab["solved"] and not lab["judged"]}  # fmt: skip
    if regraded and noted:
        printer.say(f"\nFrom the students' own notes, because there is no program to run again: "
                    f"{', '.join(sorted(noted))}")  # fmt: skip


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>linger: who has solved what</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }}
table {{ border-collapse: collapse }} caption {{ text-align: left; margin-bottom: 1em }}
th, td {{ border: 1px solid #ccc; padding: .2em .4em; text-align: left }}
small {{ display: block; max-width: 24em; font-weight: normal; overflow-wrap: anywhere }}
th[scope=row] {{ position: sticky; left: 0; background: #fff }}
thead th {{ writing-mode: sideways-lr; font-weight: normal }}
.done {{ background: #dcf2dc }} .begun {{ background: #fdf3d0 }}
</style>
<h1>Who has solved what</h1>
<table><caption>{when}. A cell shows when it was solved, and with how many hints; "noted" means that only the
student says so. Exercises that nobody has begun are left out.</caption>
<thead><tr><td></td><td>done</td>{heads}</tr></thead> <tbody> {rows} </tbody></table> </html>
"""


def _page(scores: list[Score], names: list[str], now: float) -> str:
    shown = [name for name in names if any(name in score["labs"] for score in scores)]
    heads = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in shown)
    rows = []
    for score in sorted(scores, key=lambda score: score["who"]):
        done = sum(bool(lab["solved"]) for lab in score["labs"].values())
        cells = "".join(_cell(score["labs"].get(name)) for name in shown)
        error = f"<small>{html.escape(score['error'])}</small>" if score["error"] else ""
        head = f"<th scope=row>{html.escape(score['who'])}{error}</th>"
        rows.append(f"<tr>{head}<td>{done} of {len(names)}</td>{cells}</tr>")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(now))
    return PAGE.format(when=when, heads=heads, rows="\n".join(rows))


def _cell(lab: dict[str, Any] | None) -> str:
    if not lab:
        return "<td></td>"
    count = lab["hints"]
    hints = f"<small>{count} hint{'s' if count > 1 else ''}</small>" if count else ""
    hints += "<small>noted</small>" if lab["solved"] and not lab["judged"] else ""
    if lab["solved"]:
        clock = time.strftime("%H:%M", time.localtime(lab["solved"]))
        return f'<td class="done">{clock}{hints}</td>'
    return f'<td class="begun">{html.escape(lab["diagnosis"] or "begun")}{hints}</td>'
