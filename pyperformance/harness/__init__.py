"""Runs the pyperformance suite on several interpreters at once, and shows what came out.

The way of a run: `suite` fetches the programs, `interpreters` finds who takes part, `check` compares results with the
reference's, `measure` lets the interpreters take turns (each in a `session` with a `worker` process), `record` keeps the
values, `estimates` reduces them, and `table`, `charts` and `report` show them; `comparison` is about two runs.
"""
