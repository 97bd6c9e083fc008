"""The ledger of claims, and their verdicts by what a run measured.

    ledger     the claims and their cases, from scenarios/claims.toml
    judge      a claim by the rows and cells that were measured
    measured   the run that decides
    text       as lines and as a Markdown table
"""
