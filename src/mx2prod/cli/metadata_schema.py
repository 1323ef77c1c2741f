"""``mx2 metadata schema``: the rule table in use, its digest, and what the authorities refuse."""

from __future__ import annotations

import click

from mx2prod.cli.frame import Frame, pass_frame, print_table


@click.command()
@pass_frame
def schema(frame: Frame) -> None:
    """Show version and digest of the rule table, and the known disagreements.

    The digest is what the group approves as metadata-schema:VERSION; mx2 approval show prints the
    same disagreements on the page of the request.
    """
    from mx2prod.metadata.approving import disagreements, schema_subject

    subject, found = schema_subject(), disagreements()
    document = {
        "subject": subject.object,
        "digest": subject.digest,
        "disagreements": [item.as_dict() for item in found],
    }

    def show() -> None:
        click.echo(f"{subject.object}  sha256 {subject.digest}")
        rows = [
            [item.authority, item.field, ", ".join(item.values) or "any", item.reason]
            for item in found
        ]
        columns = ["authority", "key", "value", "kept because"]
        print_table("Known disagreements", columns, rows, empty="no known disagreement")

    frame.emit(document, show)
    frame.say(
        f"next: mx2 approval request {subject.object} --digest {subject.digest} --reason TEXT"
    )
