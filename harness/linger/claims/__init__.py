"""The ledger of claims, and their verdicts by what a run measured.

    ledger     the claims and their cases, from scenarios/claims.toml
    judge      a claim by the rows and cells that were measured
    measured   the run that decides
    across     what runs on several kernels show
    text       as lines and as a Markdown table
"""
