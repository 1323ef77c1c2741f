"""Verbs of ``mx2 conditions`` that decide: check, freeze, approve, promote, move aliases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.conditions_frame import (
    FILE,
    db_option,
    gtag_document,
    is_simulated,
    maker_of,
    person_of,
    require_reason,
    roles_of,
    store_of,
)
from mx2prod.cli.frame import FINDINGS, Frame, pass_frame, print_table
from mx2prod.cli.signing import (
    dry_run_option,
    key_option,
    override_option,
    reason_option,
    reject_options,
    sign_options,
    signing_key,
)
from mx2prod.core.errors import ConfigError, InputFileError, UsageError

if TYPE_CHECKING:
    from mx2prod.conditions import Checks, Limits
    from mx2prod.journal import Approval, Decision


@click.command()
@click.argument("gtag")
@click.option("--limits", "limits_file", type=FILE, help="Other limits, YAML.")
@click.option("--waive", metavar="RULE", help="Let this failed rule pass, in your name.")
@click.option("--reason", default="", help="Why; needed with --waive.")
@dry_run_option
@pass_frame
def check(
    frame: Frame, gtag: str, *, limits_file: Path | None, waive: str | None, reason: str,
    dry_run: bool,
) -> int:  # fmt: skip
    """Run all rules on an open global tag and keep the results.

    Exit code 3: a rule failed and was not waived.
    """
    from mx2prod.conditions import check
    from mx2prod.conditions import waive as waive_rule

    limits = _limits(limits_file)
    with store_of(frame) as store:
        if waive is None:
            checks = check(store, gtag, limits, dry_run=dry_run)
        else:
            person = person_of(frame)
            checks = waive_rule(store, gtag, waive, person=person, reason=reason, dry_run=dry_run)
    _show_checks(frame, gtag, checks)
    return FINDINGS if checks.failed else 0


@click.command()
@click.argument("gtag")
@reason_option
@key_option
@dry_run_option
@pass_frame
def freeze(frame: Frame, gtag: str, *, reason: str, key_path: Path | None, dry_run: bool) -> None:
    """Fix the digest of a checked global tag (OPEN to VALIDATED); nothing in it changes after.

    With a key you sign for it as its calibrator, which does not count as an approval; if it is
    VALIDATED already, that is all that is done.  Without one it stays unsigned, which only a
    simulated workspace lets pass.
    """
    from mx2prod.conditions import freeze

    signer = maker_of(frame, key_path)
    with store_of(frame) as store:
        made = freeze(store, gtag, reason=reason, signer=signer, dry_run=dry_run)
    by = None if signer is None else signer[1].keys()[signer[0].public][0].person
    document = {**gtag_document(made), "made_by": by, "dry_run": dry_run}
    signed = f"made and signed by {by} (calibrator)" if by else "not signed by a calibrator"
    frame.emit(document, lambda: click.echo(f"{gtag}: {made.state} {made.digest}, {signed}"))
    if not dry_run:
        frame.say(f"next: mx2 conditions approve {gtag} --request --reason TEXT")


@click.command()
@click.argument("gtag")
@click.option("--request", "asking", is_flag=True, help="Ask for the approval; do not sign.")
@click.option("--emergency", is_flag=True, help="With --request: two conveners are enough.")
@sign_options
@override_option
@click.option("--reason", default="", help="Remark; needed with --request and --override.")
@key_option
@db_option
@dry_run_option
@pass_frame
def approve(
    frame: Frame, /, gtag: str, *, asking: bool, emergency: bool, digest: str, role: str,
    meeting: str, link: str, override: bool, reason: str, key_path: Path | None, db: str,
    dry_run: bool,
) -> None:  # fmt: skip
    """Sign a frozen global tag with your key; with the last signature it is APPROVED.

    Who made the constants may not sign.
    """
    from mx2prod.conditions import request_approval
    from mx2prod.journal import Decision

    if asking:
        require_reason(reason)
        with store_of(frame, db) as store:
            approval = request_approval(
                store, roles_of(frame), gtag, reason=reason, emergency=emergency,
                maker_signs=not is_simulated(frame), dry_run=dry_run,
            )  # fmt: skip
        _show_approval(frame, approval, dry_run=dry_run)
        return
    word = "override" if override else "approve"
    decision = Decision(word, digest, role=role, reason=reason, meeting=meeting, link=link)
    _decide(frame, gtag, decision, key_path, db, dry_run=dry_run)


@click.command()
@click.argument("gtag")
@reject_options
@reason_option
@key_option
@db_option
@dry_run_option
@pass_frame
def reject(
    frame: Frame, gtag: str, *, digest: str, role: str, reason: str, key_path: Path | None,
    db: str, dry_run: bool,
) -> None:  # fmt: skip
    """Reject a frozen global tag, signed with your key; it cannot be promoted then."""
    from mx2prod.journal import Decision

    decision = Decision("reject", digest, role=role, reason=reason)
    _decide(frame, gtag, decision, key_path, db, dry_run=dry_run)


@click.command()
@click.argument("gtag")
@click.option("--to", type=click.Choice(["prod"]), default="prod", show_default=True,
              help="Database that it is copied into.")  # fmt: skip
@reason_option
@dry_run_option
@pass_frame
def promote(frame: Frame, gtag: str, *, to: str, reason: str, dry_run: bool) -> None:
    """Copy an approved global tag into the production database, in one transaction.

    Everything is hashed again there.  A second call changes nothing.
    """
    from mx2prod.conditions import promote
    from mx2prod.journal.trust import role_store, trusted_roles

    trusted_roles(frame.workspace)
    with store_of(frame) as development, store_of(frame, to) as production:
        done = promote(
            development, production, role_store(frame.workspace), gtag, reason=reason,
            maker_signs=not is_simulated(frame), dry_run=dry_run,
        )  # fmt: skip
    word = "would publish" if dry_run else "published" if done.changed else "already published"
    document = {**vars(done), "state": "PUBLISHED", "dry_run": dry_run}
    frame.emit(
        document,
        lambda: click.echo(
            f"{word} {gtag}@{done.digest}: {done.payloads} payloads, {done.copied} of them new"
        ),
    )


@click.command()
@click.argument("name", required=False)
@click.argument("gtag", required=False)
@click.option("--expect", help="What the alias names now (default: what it names at this moment).")
@click.option("--folder", is_flag=True, help="NAME is another name for the folder GTAG.")
@click.option("--reason", default="", help="Why; needed to move one.")
@dry_run_option
@pass_frame
def alias(
    frame: Frame, name: str | None, gtag: str | None, *, expect: str | None, folder: bool,
    reason: str, dry_run: bool,
) -> None:  # fmt: skip
    """Let an alias of the production database name another global tag; without words, list them.

    Jobs never read an alias: a campaign resolves it once, to GTAG@DIGEST.
    """
    from mx2prod.conditions import add_folder_alias, aliases, move_alias

    with store_of(frame, "prod") as store:
        if name is not None:
            if gtag is None or not reason.strip():
                raise UsageError("to move an alias: mx2 conditions alias NAME GTAG --reason TEXT")
            if folder:
                add_folder_alias(store, name, gtag, reason=reason, dry_run=dry_run)
            else:
                now = {item.name: item.gtag for item in aliases(store)}
                expected = now.get(name) if expect is None else expect or None
                move_alias(store, name, gtag, expected=expected, reason=reason, dry_run=dry_run)
        found = aliases(store)
    rows = [[item.name, f"{item.gtag}@{item.digest[:16]}", item.moved_utc] for item in found]
    frame.emit(
        [vars(item) for item in found],
        lambda: print_table("Aliases", ["name", "global tag", "moved"], rows, empty="no alias"),
    )


@click.command()
@click.argument("gtag")
@click.option("-o", "--out", required=True, type=FILE, help="NAME.md or NAME.html; replaced.")
@dry_run_option
@pass_frame
def page(frame: Frame, gtag: str, out: Path, *, dry_run: bool) -> None:
    """Write the page of a frozen global tag: intervals, changes, checks, gaps, signatures."""
    from mx2prod.conditions import gtag_page
    from mx2prod.core.files import write_text

    kind = out.suffix.removeprefix(".")
    if kind not in {"md", "html"}:
        raise UsageError(f"{out}: expected a name that ends with .md or .html")
    with store_of(frame) as store:
        text = gtag_page(store, roles_of(frame), gtag, kind)
    if not dry_run:
        write_text(out, text, overwrite=True)
    document = {"gtag": gtag, "page": str(out), "dry_run": dry_run}
    verb = "would write" if dry_run else "wrote"
    frame.emit(document, lambda: click.echo(f"{verb} {out}"))


VERBS = (check, freeze, approve, reject, promote, alias, page)


def _decide(
    frame: Frame, gtag: str, decision: Decision, key_path: Path | None, db: str, *, dry_run: bool
) -> None:
    from mx2prod.conditions import approve
    from mx2prod.conditions.approving import WITHDRAWAL
    from mx2prod.journal import Approvals

    key, roles = signing_key(key_path), roles_of(frame)
    with store_of(frame, db) as store:
        if gtag.endswith(WITHDRAWAL):
            approvals = Approvals(store.engine, roles)
            approval = approvals.decide(f"gtag:{gtag}", decision, key, dry_run=dry_run)
        else:
            approval = approve(store, roles, gtag, decision, key, dry_run=dry_run)
    _show_approval(frame, approval, dry_run=dry_run)


def _show_approval(frame: Frame, approval: Approval, *, dry_run: bool) -> None:
    subject = approval.request.subject
    document = {**approval.as_dict(), "gtag": subject.name, "dry_run": dry_run}

    def human() -> None:
        click.echo(f"{subject.object}@{subject.digest}: {approval.state.value}")
        for text in approval.missing:
            click.echo(f"needed: {text}")

    frame.emit(document, human)


def _limits(path: Path | None) -> Limits | None:
    import yaml
    from pydantic import ValidationError

    from mx2prod.conditions import Limits
    from mx2prod.constants.text import read_content
    from mx2prod.core.workspace import describe

    if path is None:
        return None
    try:
        return Limits.model_validate(yaml.safe_load(read_content(path)) or {})
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error, Limits)}") from error
    except yaml.YAMLError as error:
        raise InputFileError(f"{path}: not YAML: {error}") from error


def _show_checks(frame: Frame, gtag: str, checks: Checks) -> None:
    rows = [
        [result.rule, checks.verdict(result), "; ".join(result.problems)]
        for result in checks.results
    ]
    frame.emit(
        {"gtag": gtag, **checks.as_dict()},
        lambda: print_table("Checks", ["rule", "verdict", "problems"], rows, empty="none"),
    )
    for result in checks.failed:
        frame.say(f"failed: {result.rule}")
