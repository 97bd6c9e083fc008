"""Runs scenarios and tests: pytest in the sandbox, and the evidence that it leaves.

    scenarios   the catalogue                     session   one session of pytest, its exit code
    plugin      the fixture `lab`, the evidence   parallel  tests in forked children
    prove       that every guard can fail         soak      again and again, to find rare failures
    results     the directory of a run            tables, ladders, printer   for people
    junit, tap                                    for machines
    delegate, inmate, guest   another project's tests: handed over by its own session of pytest,
                              run in the sandbox, given their lab
"""
