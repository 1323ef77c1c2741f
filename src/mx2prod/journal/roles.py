"""The signed role lists of a workspace: reading them in trust, and writing the next one.

Version *n* is signed by the threshold of version *n - 1* and by its own, as the root list of TUF.
Whoever pins one digest can therefore follow all later changes, and nobody can add a key alone who
does not hold role ``root``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from securesystemslib.dsse import Envelope

from mx2prod.core.errors import TrustError
from mx2prod.core.files import require_regular_file, write_text
from mx2prod.core.workspace import describe
from mx2prod.journal.envelopes import envelope_of, parse, sign, signers, text_of
from mx2prod.journal.keys import SigningKey, fingerprint
from mx2prod.journal.role_list import RoleList

FOLDER = "roles"
PAYLOAD_TYPE = "application/vnd.mx2.roles+json"
_PROPOSAL = "proposed.json"


@dataclass(frozen=True)
class Proposal:
    """A next version of the list that still lacks signatures.

    Attributes
    ----------
    roles : RoleList
    envelope : Envelope
    missing : int
        Signatures of further persons of role ``root`` that it needs.
    """

    roles: RoleList
    envelope: Envelope
    missing: int


class RoleStore:
    """Folder with the lists: ``000001.json``, ``000002.json``, ...

    Parameters
    ----------
    folder : Path
    pin : str
        Digest that must be one of the versions: ``trust_root`` of ``mx2.toml``.  Empty: the lists
        hold together, but anybody who can write the folder can replace all of them.
    seen : tuple of int and str, optional
        Version and digest of the newest list that was ever used here; an older one is refused.
    """

    def __init__(self, folder: Path, pin: str = "", seen: tuple[int, str] | None = None) -> None:
        self.folder = folder
        self.pin = pin
        self.seen = seen

    def load(self) -> RoleList:
        """Newest list, after checking all versions from the first.

        Raises
        ------
        TrustError
            If there is none, a signature is missing, a version does not follow the one before,
            the pinned version is not among them, or a newer one was used before.
        """
        lists = self.history()
        if not lists:
            raise TrustError(
                f"{self.folder}: no role list",
                next_step="mx2 keys new && mx2 keys enrol PERSON --role root --reason TEXT",
            )
        return lists[-1]

    def history(self) -> list[RoleList]:
        """All versions, checked as by :meth:`load`; empty where there is none."""
        lists: list[RoleList] = []
        while (path := self.path(len(lists) + 1)).exists():
            lists.append(self._checked(path, lists[-1] if lists else None))
        later = [int(p.stem) for p in self.folder.glob("*.json") if p.stem.isdigit()]
        if later and max(later) > len(lists):
            raise TrustError(
                f"{self.path(max(later))}: version {len(lists) + 1} before it is missing",
                next_step=f"ls {self.folder}",
            )
        self._check_pin(lists)
        self._check_seen(lists)
        return lists

    def path(self, version: int) -> Path:
        """File of a version."""
        return self.folder / f"{version:06d}.json"

    def proposal(self) -> Proposal | None:
        """Next version that waits for signatures.

        Raises
        ------
        TrustError
            If the file is damaged, or does not follow the newest version.
        """
        path = self.folder / _PROPOSAL
        if not path.exists():
            return None
        lists = self.history()
        roles, envelope = _read(path)
        before = lists[-1] if lists else None
        _check_follows(path, roles, before)
        return Proposal(roles, envelope, _missing(roles, envelope, before))

    def propose(self, roles: RoleList, key: SigningKey, *, dry_run: bool = False) -> Proposal:
        """Sign a next version and keep it: as the new list, or until others have signed it.

        Raises
        ------
        TrustError
            If a proposal waits already, the list does not follow the newest one, or the key is
            not one of a person of role ``root``.
        OutputError
            If somebody else has written this version in the meantime.
        """
        if self.proposal() is not None:
            raise TrustError(
                f"{self.folder / _PROPOSAL}: waits for signatures",
                next_step="mx2 keys sign, or mx2 keys sign --discard",
            )
        return self._sign(roles, envelope_of(roles.payload(), PAYLOAD_TYPE), key, dry_run=dry_run)

    def sign_proposal(self, key: SigningKey, *, dry_run: bool = False) -> Proposal:
        """Add a signature to the proposal that waits.

        Raises
        ------
        TrustError
            If none waits, or the key is not one of a person of role ``root``.
        """
        waiting = self.proposal()
        if waiting is None:
            raise TrustError(f"{self.folder}: no list waits for signatures")
        return self._sign(waiting.roles, waiting.envelope, key, dry_run=dry_run)

    def discard_proposal(self) -> None:
        """Delete the proposal that waits, if there is one."""
        (self.folder / _PROPOSAL).unlink(missing_ok=True)

    def _sign(
        self, roles: RoleList, envelope: Envelope, key: SigningKey, *, dry_run: bool
    ) -> Proposal:
        lists = self.history()
        before = lists[-1] if lists else None
        path = self.path(roles.version)
        _check_follows(path, roles, before)
        _require_root(key, roles, before)
        sign(envelope, key)
        missing = _missing(roles, envelope, before)
        if not dry_run:
            self._keep(path, envelope, complete=missing == 0)
        return Proposal(roles, envelope, missing)

    def _keep(self, path: Path, envelope: Envelope, *, complete: bool) -> None:
        text = text_of(envelope) + "\n"
        if not complete:
            write_text(self.folder / _PROPOSAL, text, overwrite=True)
            return
        write_text(path, text)
        self.discard_proposal()

    def _checked(self, path: Path, before: RoleList | None) -> RoleList:
        roles, envelope = _read(path)
        _check_follows(path, roles, before)
        missing = _missing(roles, envelope, before)
        if missing:
            raise TrustError(
                f"{path}: {missing} valid signatures of persons of role root are missing; "
                "the list may not be used",
                next_step=f"restore {path} from its backup",
            )
        return roles

    def _check_pin(self, lists: list[RoleList]) -> None:
        if self.pin and self.pin not in {roles.digest for roles in lists}:
            raise TrustError(
                f"{self.folder}: no list of digest {self.pin[:16]}..., which trust_root of "
                "mx2.toml pins: the lists were rolled back or replaced",
                next_step="restore the folder from its backup",
            )

    def _check_seen(self, lists: list[RoleList]) -> None:
        if self.seen is None:
            return
        version, digest = self.seen
        if len(lists) < version or lists[version - 1].digest != digest:
            raise TrustError(
                f"{self.folder}: version {version} of the list was used before and is not there "
                "as it was: the lists were rolled back or replaced",
                next_step="restore the folder from its backup",
            )


def _read(path: Path) -> tuple[RoleList, Envelope]:
    require_regular_file(path)
    text = path.read_text(encoding="utf-8", errors="replace")
    envelope = parse(text, PAYLOAD_TYPE, str(path))
    try:
        roles = RoleList.model_validate_json(envelope.payload)
    except ValidationError as error:
        raise TrustError(f"{path}: {describe(error, RoleList)}") from error
    if roles.payload() != envelope.payload:
        raise TrustError(f"{path}: not canonical JSON, so its digest would not be one")
    return roles, envelope


def _check_follows(path: Path, roles: RoleList, before: RoleList | None) -> None:
    wanted = (1, "") if before is None else (before.version + 1, before.digest)
    if (roles.version, roles.previous) != wanted:
        raise TrustError(
            f"{path}: version {roles.version} after {roles.previous[:16] or 'none'}, "
            f"expected version {wanted[0]} after {wanted[1][:16] or 'none'}"
        )
    if before is None:
        return
    if roles.issued < before.issued:
        raise TrustError(f"{path}: issued {roles.issued}, before version {before.version}")
    lost = roles.forgotten(before)
    if lost:
        raise TrustError(f"{path}: {lost[0]} of version {before.version} is no longer there")


def _missing(roles: RoleList, envelope: Envelope, before: RoleList | None) -> int:
    """Persons that must still sign, for the version before and for this one."""
    judges = [roles] if before is None else [before, roles]
    lacking = (j.threshold - len(_signed_by(envelope, j, roles.issued)) for j in judges)
    return max(0, *lacking)


def _signed_by(envelope: Envelope, judge: RoleList, utc: str) -> set[str]:
    """Distinct persons of role ``root`` whose keys signed; each person counts once."""
    owners = {key.public: person.person for person, key in judge.root_keys(utc)}
    return {owners[public] for public in signers(envelope, owners)}


def _require_root(key: SigningKey, roles: RoleList, before: RoleList | None) -> None:
    for judge in [roles] if before is None else [before, roles]:
        if key.public in {k.public for _, k in judge.root_keys(roles.issued)}:
            return
    raise TrustError(
        f"key {fingerprint(key.public)}: not one of a person of role root; nobody enrols himself",
        next_step="mx2 keys ls",
    )
