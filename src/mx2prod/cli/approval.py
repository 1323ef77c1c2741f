"""``mx2 approval``: approvals of every subject."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.frame import FAILED, Frame, pass_frame, print_table
from mx2prod.cli.signing import (
    dry_run_option,
    key_option,
    override_option,
    reason_option,
    reject_options,
    sign_options,
    signing_key,
)
from mx2prod.core.errors import UsageError

if TYPE_CHECKING:
    from mx2prod.journal import Approval, Attachment, Decision, Section

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("approval")
def command() -> None:
    """Approvals: who agreed to exactly which content.

    SUBJECT is TYPE:NAME.  Types: gtag (constants), campaign, metadata-schema, placement-policy,
    give-up, repair-plan.
    """


@command.command()
@click.argument("subject")
@click.option("--digest", help="sha256 of the content.")
@click.option("--file", type=_FILE, help="File whose sha256 is the digest.")
@click.option("--author", "authors", multiple=True, help="Person who made it; may not sign.")
@click.option("--policy", default="", help="Policy (default: that of the subject type).")
@click.option("--emergency", is_flag=True, help="Two conveners give a provisional approval.")
@reason_option
@dry_run_option
@pass_frame
def request(
    frame: Frame,
    *,
    subject: str,
    digest: str | None,
    file: Path | None,
    authors: tuple[str, ...],
    policy: str,
    reason: str,
    emergency: bool,
    dry_run: bool,
) -> None:
    """Ask for the approval of SUBJECT.

    A request for a new digest makes all signatures on the former one stale.
    """
    from mx2prod.journal import Subject
    from mx2prod.journal.statements import split_object
    from mx2prod.journal.trust import approvals_of

    kind, name = split_object(subject)
    asked = Subject(kind, name, _digest_of(digest, file))
    with approvals_of(frame.workspace, kind, create=not dry_run) as approvals:
        approval = approvals.request(
            asked,
            reason=reason,
            authors=authors,
            policy_name=policy,
            emergency=emergency,
            dry_run=dry_run,
        )
    _show(frame, approval, dry_run=dry_run)


@command.command()
@click.argument("subject")
@click.option("--format", "kind", type=click.Choice(["text", "md", "html"]), default="text",
              help="Text for the terminal, or a page as Markdown or HTML.")  # fmt: skip
@click.option("-o", "--out", type=_FOLDER, help="Write the page as Markdown and HTML here.")
@click.option("--require", is_flag=True, help="Exit with 1 unless it is approved.")
@click.option("--dry-run", is_flag=True, help="With -o: say what would be written.")
@pass_frame
def show(
    frame: Frame, subject: str, kind: str, out: Path | None, *, require: bool, dry_run: bool
) -> int:
    """Show where the approval of SUBJECT stands: state, signatures, what is missing."""
    from mx2prod.journal import State, approval_page
    from mx2prod.journal.statements import split_object
    from mx2prod.journal.trust import approvals_of

    with approvals_of(frame.workspace, split_object(subject)[0]) as approvals:
        approval = approvals.status(subject)
    if out is not None:
        _write_pages(frame, approval, out, dry_run=dry_run)
    elif kind == "text":
        frame.emit(approval.as_dict(), lambda: _print(approval))
    else:
        page = approval_page(approval, kind, _sections(approval))
        frame.emit({**approval.as_dict(), "page": page}, lambda: click.echo(page, nl=False))
    return FAILED if require and approval.state is not State.APPROVED else 0


@command.command()
@click.argument("subject")
@sign_options
@click.option("--attach", "files", multiple=True, type=_FILE, help="Plot or document; its sha256.")
@click.option("--days", type=click.IntRange(1, 366), help="Shorter validity than the policy's.")
@override_option
@click.option("--reason", default="", help="Remark; needed with --override.")
@key_option
@dry_run_option
@pass_frame
def sign(
    frame: Frame,
    *,
    subject: str,
    digest: str,
    role: str,
    meeting: str,
    link: str,
    files: tuple[Path, ...],
    days: int | None,
    reason: str,
    key_path: Path | None,
    override: bool,
    dry_run: bool,
) -> None:
    """Sign the approval of SUBJECT with your key.

    Refused if your signature would not count: key not enrolled or ended, no role that signs, an
    author, signed already, another digest than --digest.
    """
    from mx2prod.journal import Decision

    decision = Decision(
        "override" if override else "approve",
        digest=digest,
        role=role,
        reason=reason,
        meeting=meeting,
        link=link,
        attachments=tuple(_attachment(file) for file in files),
        valid_days=days,
    )
    _decide(frame, subject, decision, key_path, dry_run=dry_run)


@command.command()
@click.argument("subject")
@reject_options
@reason_option
@key_option
@dry_run_option
@pass_frame
def reject(
    frame: Frame,
    *,
    subject: str,
    digest: str,
    role: str,
    reason: str,
    key_path: Path | None,
    dry_run: bool,
) -> None:
    """Reject SUBJECT, signed with your key.

    It stays rejected, also with a new digest, until you approve a new digest or two conveners
    override you.
    """
    from mx2prod.journal import Decision

    decision = Decision("reject", digest=digest, role=role, reason=reason)
    _decide(frame, subject, decision, key_path, dry_run=dry_run)


@command.command("ls")
@click.option("--state", type=click.Choice(["waiting", "approved", "provisional", "rejected"]),
              help="Only this state.")  # fmt: skip
@click.option("--type", "kind", default="", help="Only this type of subject.")
@pass_frame
def list_approvals(frame: Frame, state: str | None, kind: str) -> None:
    """List the approvals of this workspace."""
    from mx2prod.journal.statements import split_object
    from mx2prod.journal.trust import all_approvals

    if kind:
        split_object(f"{kind}:any")
    found = [
        approval
        for approval in all_approvals(frame.workspace)
        if state in (None, approval.state.value) and kind in ("", approval.request.subject.type)
    ]
    rows = [
        [
            a.request.subject.object,
            a.request.subject.digest[:16],
            a.state.value,
            a.request.by,
            a.request.utc[:16],
            "; ".join(a.missing),
        ]
        for a in found
    ]
    columns = ["subject", "digest", "state", "asked by", "at", "still needed"]
    frame.emit(
        [a.as_dict() for a in found],
        lambda: print_table("Approvals", columns, rows, empty="none: mx2 approval request"),
    )


def _decide(
    frame: Frame, subject: str, decision: Decision, key_path: Path | None, *, dry_run: bool
) -> None:
    from mx2prod.journal.statements import split_object
    from mx2prod.journal.trust import approvals_of

    with approvals_of(frame.workspace, split_object(subject)[0]) as approvals:
        approval = approvals.decide(subject, decision, signing_key(key_path), dry_run=dry_run)
    _show(frame, approval, dry_run=dry_run)


def _digest_of(digest: str | None, file: Path | None) -> str:
    if (digest is None) == (file is None):
        raise UsageError("give either --digest or --file")
    return digest if digest is not None else _sha256(file or Path())


def _sha256(file: Path) -> str:
    from mx2prod.core.files import require_regular_file, sha256_of_file

    require_regular_file(file)
    return sha256_of_file(file)


def _attachment(file: Path) -> Attachment:
    from mx2prod.journal import Attachment

    return Attachment(name=file.name, sha256=_sha256(file))


def _sections(approval: Approval) -> list[Section]:
    """Tables that the room of the subject adds to its page."""
    if approval.request.subject.type != "metadata-schema":
        return []
    from mx2prod.metadata.approving import disagreement_section

    return [disagreement_section()]


def _write_pages(frame: Frame, approval: Approval, out: Path, *, dry_run: bool) -> None:
    """Write both pages; a page of the same subject is replaced."""
    from mx2prod.core.files import write_text
    from mx2prod.journal import approval_page

    stem = approval.request.subject.object.replace(":", "-").replace("/", "-")
    paths = {kind: out / f"approval-{stem}.{kind}" for kind in ("md", "html")}
    for kind, path in paths.items():
        if not dry_run:
            page = approval_page(approval, kind, _sections(approval))
            write_text(path, page, overwrite=True)
    pages = [str(path) for path in paths.values()]
    verb = "would write" if dry_run else "wrote"
    frame.emit(
        {**approval.as_dict(), "pages": pages, "dry_run": dry_run},
        lambda: click.echo("\n".join(f"{verb} {page}" for page in pages)),
    )


def _show(frame: Frame, approval: Approval, *, dry_run: bool) -> None:
    frame.emit({**approval.as_dict(), "dry_run": dry_run}, lambda: _print(approval))
    subject = approval.request.subject
    if dry_run:
        frame.say("nothing was changed")
    elif approval.missing:
        frame.say(f"next: mx2 approval sign {subject.object} --digest {subject.digest[:16]}")


def _print(approval: Approval) -> None:
    request = approval.request
    click.echo(f"{request.subject.object}: {approval.state.value.upper()}")
    click.echo(f"digest  {request.subject.digest}")
    click.echo(f"asked   {request.by}, {request.utc}: {request.reason}")
    click.echo(f"authors {', '.join(request.authors)}")
    for text in approval.missing:
        click.echo(f"needed  {text}")
    rows = [
        [s.decision, s.person, s.role, s.signed_at[:19], s.expires_at[:10], s.key,
         "yes" if s.counts else f"no: {s.why_not}", s.reason]
        for s in approval.signatures
    ]  # fmt: skip
    columns = ["decision", "person", "role", "signed", "until", "key", "counts", "remark"]
    print_table("Signatures", columns, rows, empty="nobody has signed yet")
