"""One page an approval, as Markdown for the wiki and as HTML that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mx2prod.journal.approval import Approval, Signature, State

_MEANING = {
    State.WAITING: "waiting for signatures",
    State.APPROVED: "approved",
    State.PROVISIONAL: "PROVISIONAL: approved in an emergency, its review is due",
    State.REJECTED: "REJECTED",
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


@dataclass(frozen=True)
class Section:
    """A table of a page; rooms add what their subject needs (intervals, gaps, plots).

    Attributes
    ----------
    title : str
    columns : sequence of str
    rows : sequence of sequence of str
    empty : str
        Shown when there is no row.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "None."


def approval_page(approval: Approval, kind: str, extra: Sequence[Section] = ()) -> str:
    """Page of an approval.

    Parameters
    ----------
    approval : Approval
    kind : str
        ``md`` or ``html``.
    extra : sequence of Section
        What the room of the subject adds, before the signatures.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("mx2prod.journal"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2"]),
        keep_trailing_newline=True,
    )
    environment.filters["md"] = markdown_text
    page = environment.get_template(f"approval.{kind}.j2")
    title = f"Approval of {approval.request.subject.object}"
    sections = [_missing(approval), *extra, _signatures(approval)]
    return page.render(title=title, facts=_facts(approval), sections=sections)


def markdown_text(value: Any) -> str:
    """Text that Markdown shows as it is, on one line of a table."""
    return " ".join(_SPECIAL.sub(r"\\\1", str(value)).split())


def _facts(approval: Approval) -> list[tuple[str, str]]:
    request = approval.request
    places = ", ".join(" or ".join(place) for place in request.policy.places)
    return [
        ("State", _MEANING[approval.state]),
        ("Digest (sha256)", request.subject.digest),
        ("Asked for by", f"{request.by}, {request.utc}"),
        ("Reason", request.reason),
        ("Authors", ", ".join(request.authors)),
        ("Policy", f"{request.policy_name}: {places}, each another person, none an author"),
        ("A signature counts", f"{request.policy.valid_days} days"),
        ("Emergency", "asked for" if request.emergency else "no"),
    ]


def _missing(approval: Approval) -> Section:
    rows = [(text,) for text in approval.missing]
    return Section("Still needed", ["what"], rows, "Nothing.")


def _signatures(approval: Approval) -> Section:
    columns = ["decision", "person", "role", "signed", "until", "key", "remarks", "counts"]
    rows = [
        (
            f"{s.decision} (emergency)" if s.emergency else s.decision,
            s.person,
            s.role,
            s.signed_at,
            s.expires_at,
            s.key,
            _remarks(s),
            "yes" if s.counts else f"no: {s.why_not}",
        )
        for s in approval.signatures
    ]
    return Section("Signatures", columns, rows, "Nobody has signed yet.")


def _remarks(signature: Signature) -> str:
    return "; ".join(part for part in (signature.reason, signature.meeting, signature.link) if part)
