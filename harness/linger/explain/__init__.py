"""Finds the scenarios that fit a symptom. Each module builds on those before it.

    watching   what a program asks epoll about connections it has not closed
    observe    a running process, twice, through the census and /proc, without changing anything
    sums       these, a capture's summary and a blame report as named numbers
    symptoms   the rules beside the scenarios: [symptom] in their TOML
    fitting    which of them fit, best first, and the facts for and against each
    telling    the answer in words, and as JSON
    asking     linger explain
"""
