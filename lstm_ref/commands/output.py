"""What the checking commands print for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from lstm_ref.checking.report import SCHEMA, Report


def print_json(reports: Sequence[Report]) -> None:
    """All reports as one JSON object: schema, right, reports."""
    click.echo(
        json.dumps(
            {"schema": SCHEMA, "right": all(r.right for r in reports), "reports": [r.as_dict() for r in reports]},
            indent=2,
        )
    )
