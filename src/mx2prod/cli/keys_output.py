"""What ``mx2 keys`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import Frame, print_table

if TYPE_CHECKING:
    from mx2prod.journal import Proposal, RoleList


def proposal_document(proposal: Proposal) -> dict[str, Any]:
    """Members of a next list."""
    return {
        "version": proposal.roles.version,
        "digest": proposal.roles.digest,
        "reason": proposal.roles.reason,
        "missing_signatures": proposal.missing,
        "list": proposal.roles.model_dump(mode="json"),
    }


def show_proposal(frame: Frame, proposal: Proposal, *, dry_run: bool) -> None:
    """Say whether a next list is in force, or who must still sign it."""
    version = proposal.roles.version
    done = proposal.missing == 0
    document = {**proposal_document(proposal), "in_force": done and not dry_run, "dry_run": dry_run}
    would = "would be " if dry_run else ""
    state = "in force" if done else f"waiting for {proposal.missing} more signatures: mx2 keys sign"
    frame.emit(
        document,
        lambda: click.echo(f"version {version} {would}{state}\ndigest {proposal.roles.digest}"),
    )
    if done and version == 1 and not dry_run:
        frame.say(f'next: set trust_root = "{proposal.roles.digest}" in mx2.toml')


def print_list(newest: RoleList | None) -> None:
    """Print persons, roles and keys as they are now."""
    from mx2prod.core.time import now
    from mx2prod.journal import fingerprint
    from mx2prod.journal.events import utc_text

    utc = utc_text(now())
    rows = [
        [
            person.person,
            person.name,
            ", ".join(sorted(person.roles(utc))),
            ", ".join(person.accounts),
            ", ".join(fingerprint(k.public) for k in person.keys if k.holds(utc)),
            ", ".join(fingerprint(k.public) for k in person.keys if not k.holds(utc)),
        ]
        for person in (newest.persons if newest else ())
    ]
    title = f"Role list, version {newest.version}, {newest.digest}" if newest else ""
    columns = ["person", "name", "roles", "accounts", "keys", "ended keys"]
    print_table(title, columns, rows, empty="no role list: mx2 keys new, then mx2 keys enrol")
