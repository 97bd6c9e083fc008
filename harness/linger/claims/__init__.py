"""The ledger of claims, and their verdicts from a run's measurements.

    ledger     the claims and their cases, from scenarios/claims.toml
    judge      a claim, by the measured rows and cells
    measured   the run that decides
    across     what runs on several kernels show
    text       as lines and as a Markdown table
"""
