"""Approvals of every subject: ask, sign, reject, and see where they stand.

All of it is in the event log: a request is an event, and a decision is an event that holds the
signed envelope.  The chain of the log therefore covers rejections as well as approvals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

from sqlalchemy import Connection, Engine

from mx2prod.core.errors import ApprovalError, ChainError
from mx2prod.core.suggest import nearest
from mx2prod.core.time import now
from mx2prod.journal import events
from mx2prod.journal.approval import Approval, State
from mx2prod.journal.deciding import Decision, signed_decision
from mx2prod.journal.engine import reading, writing
from mx2prod.journal.judgement import DECISIONS, REQUEST, REVIEW, evaluate, read_request
from mx2prod.journal.keys import SigningKey
from mx2prod.journal.role_list import RoleList
from mx2prod.journal.statements import Subject, split_object

SEEN = "roles.seen"


def newest_list_seen(connection: Connection) -> tuple[int, str] | None:
    """Version and digest of the newest role list that was used with this database."""
    found = list(events.read(connection, kind=SEEN))
    return (found[-1].body["version"], found[-1].body["digest"]) if found else None


class Approvals:
    """Approvals in one database; ``with`` closes the engine at the end.

    Parameters
    ----------
    engine : Engine
    roles : RoleList
        Loaded by :class:`mx2prod.journal.roles.RoleStore`, which checks it.
    """

    def __init__(self, engine: Engine, roles: RoleList) -> None:
        self.engine = engine
        self.roles = roles

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()

    def request(
        self,
        subject: Subject,
        *,
        reason: str,
        authors: Sequence[str] = (),
        policy_name: str = "",
        emergency: bool = False,
        account: str | None = None,
        dry_run: bool = False,
    ) -> Approval:
        """Ask for the approval of a digest; what is asked for already is not asked again.

        A new digest makes the signatures on the former one stale.

        Parameters
        ----------
        subject : Subject
        reason : str
        authors : sequence of str
            Persons who made it, besides the one who asks.
        policy_name : str
            Policy of the role list; that of the subject type if empty.
        emergency : bool
            Two conveners give a provisional approval.
        account : str, optional
            Operating-system account that asks; that of this process if not given.

        Raises
        ------
        ApprovalError
            If the account belongs to nobody on the list or only to a viewer, an author is
            unknown, or there is no such policy or emergency path.
        """
        account = account or events.account()
        body = self._request_body(subject, account, reason, authors, policy_name or subject.type)
        body["emergency"] = emergency
        if emergency and not body["policy"]["emergency"]:
            raise ApprovalError(f"policy {body['policy_name']} has no emergency path")
        with reading(self.engine) if dry_run else writing(self.engine) as connection:
            history = _history(connection, subject.object)
            if not dry_run and not _is_asked(history, body):
                self._note_roles(connection)
                events.append(connection, REQUEST, subject.object, body, actor=account)
                history = _history(connection, subject.object)
            elif dry_run:
                history = [*history, _pretended(REQUEST, subject.object, body)]
            return evaluate(history, self.roles, _now())

    def decide(
        self, obj: str, decision: Decision, key: SigningKey, *, dry_run: bool = False
    ) -> Approval:
        """Sign a decision about the digest of ``type:name`` that is asked for now.

        Raises
        ------
        ApprovalError
            If the decision would not count (see :func:`mx2prod.journal.deciding.signed_decision`).
        """
        kind = DECISIONS[decision.word]
        with reading(self.engine) if dry_run else writing(self.engine) as connection:
            before = self._status(connection, obj)
            envelope = signed_decision(before, decision, key, self.roles)
            body = {"digest": before.request.subject.digest, "envelope": envelope}
            if dry_run:
                pretended = _pretended(kind, obj, body)
                return evaluate([*_history(connection, obj), pretended], self.roles, _now())
            self._note_roles(connection)
            events.append(connection, kind, obj, body)
            after = self._status(connection, obj)
            if after.review_due and not before.review_due:
                review = {"digest": body["digest"], "missing": list(after.missing)}
                events.append(connection, REVIEW, obj, review)
            return after

    def status(self, obj: str) -> Approval:
        """State of ``type:name``.

        Raises
        ------
        ApprovalError
            If nobody has asked for it; names the nearest subject.
        """
        with reading(self.engine) as connection:
            return self._status(connection, obj)

    def all(self) -> list[Approval]:
        """State of every subject, in the order in which they were first asked for."""
        with reading(self.engine) as connection:
            return [self._status(connection, obj) for obj in _objects(connection)]

    def require(self, subject: Subject, *, provisional: bool = False) -> Approval:
        """Approval of exactly this subject, after checking the event log.

        Parameters
        ----------
        subject : Subject
        provisional : bool
            Accept the emergency path too.

        Raises
        ------
        ChainError
            If the log is not as it was written.
        ApprovalError
            If this digest is not approved now.
        """
        with reading(self.engine) as connection:
            found = events.verify(connection)
            if found.problems:
                raise ChainError(found.problems[0], next_step="mx2 workspace verify")
            approval = self._status(connection, subject.object)
        accepted = {State.APPROVED, *([State.PROVISIONAL] if provisional else [])}
        asked = approval.request.subject
        if asked != subject:
            raise ApprovalError(
                f"{subject}: approval was asked for digest {asked.digest[:16]}, "
                f"this is {subject.digest[:16]}",
                next_step=f"mx2 approval request {subject.object} --digest {subject.digest}",
            )
        if approval.state not in accepted:
            raise ApprovalError(
                f"{subject}: {approval.state}; {'; '.join(approval.missing)}",
                next_step=f"mx2 approval show {subject.object}",
            )
        return approval

    def _status(self, connection: Connection, obj: str) -> Approval:
        split_object(obj)
        history = _history(connection, obj)
        if not history:
            raise ApprovalError(
                f"{obj}: nobody has asked for this approval" + nearest(obj, _objects(connection)),
                next_step=f"mx2 approval request {obj} --file FILE --reason TEXT",
            )
        return evaluate(history, self.roles, _now())

    def _request_body(
        self, subject: Subject, account: str, reason: str, authors: Sequence[str], policy_name: str
    ) -> dict[str, Any]:
        asking = self.roles.of_account(account)
        if asking is None or asking.roles(_now()) <= {"viewer"}:
            raise ApprovalError(
                f"account {account}: "
                + ("not on the role list" if asking is None else "may not ask for approvals"),
                next_step=f"mx2 keys enrol PERSON --account {account} --role calibrator",
            )
        names = [person.person for person in self.roles.persons]
        for author in authors:
            if author not in names:
                raise ApprovalError(
                    f"author {author}: not on the role list" + nearest(author, names)
                )
        policy = self.roles.policy(policy_name)
        if policy is None:
            raise ApprovalError(f"no policy {policy_name!r}", next_step="mx2 keys ls")
        return {
            "digest": subject.digest,
            "policy_name": policy_name,
            "policy": policy.model_dump(mode="json"),
            "authors": sorted({asking.person, *authors}),
            "by": asking.person,
            "reason": reason,
        }

    def _note_roles(self, connection: Connection) -> None:
        """Remember the newest list, so that an older one is refused from now on."""
        seen = newest_list_seen(connection)
        if seen is None or seen[0] < self.roles.version:
            body = {"version": self.roles.version, "digest": self.roles.digest}
            events.append(connection, SEEN, "roles", body)


def _history(connection: Connection, obj: str) -> list[events.Event]:
    return list(events.read(connection, kind="approval.", obj=obj))


def _now() -> str:
    return events.utc_text(now())


def _objects(connection: Connection) -> Iterator[str]:
    """Subjects that were asked for, each once."""
    return iter(dict.fromkeys(e.object for e in events.read(connection, kind=REQUEST)))


def _pretended(kind: str, obj: str, body: dict[str, Any]) -> events.Event:
    """Event of a dry run."""
    return events.Event(0, _now(), 0, "", "", kind, obj, body, "", "")


def _is_asked(history: Sequence[events.Event], body: dict[str, Any]) -> bool:
    asked = [event for event in history if event.kind == REQUEST]
    same = ("digest", "policy_name", "policy", "emergency")
    return (
        bool(asked)
        and all(asked[-1].body[name] == body[name] for name in same)
        and set(body["authors"]) <= set(read_request(asked[-1], asked).authors)
    )
