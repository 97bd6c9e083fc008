"""The workshop: exercises in which a student repairs the buggy half of a pair.

    texts.py      what an exercise says: the table [exercise] of scenarios/NAME.toml
    workplace.py  the student's files: labs/NAME.c, its backups, what is done
    build.py      the compiler, and its messages
    examine.py    in the sandbox: the student's program in the scenario, and what it did there
    evidence.py   what a run left, and what a diagnosis is
    diagnose.py   from what it did to what is wrong with it
    endings.py    part of that: how it ended, or where it waits
    remarks.py    what to say about the approach that a student chose
    grade.py      compile, run, diagnose
    screen.py     the terminal
    score.py      who has solved what
    projector.py  the same as a page for the projector
    exercise.py   `linger lab`, `linger lab-score`
"""
