"""The error tree, and the exit code that each branch gives to the command.

::

    Mx2Error                     1   failed
    +-- BadInputError            2   bad input or configuration, nothing was changed
    |   +-- ConfigError              unknown key, value out of bounds, missing workspace
    |   +-- UsageError               a request that cannot be meant (no such gate, no such strip)
    |   +-- InputFileError           a file that cannot be used as what it is said to be
    |   |   +-- RawFileError         a raw file that breaks a rule of the raw-format page
    |   +-- TableError               a detector or constants table that breaks its schema
    |   +-- AddressError             a channel, strip or board address out of range
    |   +-- NameFormatError          a file name or identifier that does not parse
    |   +-- TrustError               a key, a secret or a role list that may not be trusted
    |   +-- ApprovalError            an approval that may not be asked for, given or used
    |   +-- ConditionsError          constants that cannot be used or changed as asked
    |       +-- NoConditionsError        no interval of a folder holds for a subrun
    |       +-- OverlapError             an interval that would overlap another one
    |       +-- StateError               a tag that is not in the state for what was asked
    |       +-- HashMismatch             content that is not what its hash says
    |       +-- PolicyError              checks, signatures or rules of use are not met
    |   +-- CatalogError             a record, a dataset or a query that the catalogue refuses
    |       +-- QueryError               an MQL text that cannot be understood or answered
    |       +-- NotInCatalogError        a file, dataset, namespace or named query that is not there
    |       +-- ConflictError            a name that is taken by something else
    |       +-- DeniedError              a change that this account or this dataset does not allow
    |       +-- InvalidRecordError       file records that break a rule, each with its reason
    +-- OutputError              1   an output cannot be written (full disk, existing file)
    +-- StoreError               1   a database that cannot be reached, read or written
    |   +-- GuardError               the database itself refused the change
    |   +-- ChainError               the event log is not as it was written
    |   +-- LeaseError               somebody else holds the lease, or it was lost
    +-- LossesError              3   finished, with losses that are listed

Every error says what is wrong and where, and, in ``next_step``, the next command to type.
"""

from __future__ import annotations


class Mx2Error(Exception):
    """Base of all errors that mx2prod raises on purpose.

    Parameters
    ----------
    message : str
        What is wrong, where, what was expected and what was found.
    next_step : str, optional
        The next command to type, or the next thing to do.
    """

    exit_code = 1

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class BadInputError(Mx2Error):
    """Bad input or configuration; nothing was changed."""

    exit_code = 2


class ConfigError(BadInputError):
    """Unknown configuration key, value out of bounds, or missing workspace."""


class UsageError(BadInputError):
    """A request that names something that does not exist."""


class InputFileError(BadInputError):
    """A file that cannot be used as what it is said to be."""


class RawFileError(InputFileError):
    """A raw file that breaks a rule of the raw-format page.

    Parameters
    ----------
    message : str
        One line with file, byte offset, gate, frame address, expected and found.
    kind : str
        Code of the rule (raw-format page, section 11), for example ``truncated``.
    offset : int or None
        Byte offset in the file.
    next_step : str, optional
        The next command to type.
    """

    def __init__(
        self, message: str, *, kind: str, offset: int | None = None, next_step: str = ""
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.kind = kind
        self.offset = offset


class TableError(BadInputError):
    """A detector or constants table that breaks its schema."""


class AddressError(BadInputError):
    """A channel, strip or board address that is out of range or not in the detector."""


class NameFormatError(BadInputError):
    """A file name or an identifier that does not follow its pattern."""


class TrustError(BadInputError):
    """A key, a secret or a role list that may not be trusted."""


class ApprovalError(BadInputError):
    """An approval that may not be asked for, given or used."""


class ConditionsError(BadInputError):
    """Constants that cannot be used or changed as asked."""


class NoConditionsError(ConditionsError):
    """No interval of a folder holds for a subrun; nothing is taken instead.

    Parameters
    ----------
    message : str
        Names the intervals before and after.
    folder : str
    run, subrun : int or None
    next_step : str, optional
        The next command to type.
    """

    def __init__(
        self,
        message: str,
        *,
        folder: str = "",
        run: int | None = None,
        subrun: int | None = None,
        next_step: str = "",
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.folder = folder
        self.run = run
        self.subrun = subrun


class OverlapError(ConditionsError):
    """An interval of validity that would overlap another one of its tag."""


class StateError(ConditionsError):
    """A tag or global tag that is not in the state for what was asked."""


class HashMismatch(ConditionsError):  # noqa: N818 # name of the conditions page, section 14
    """Content that is not what its hash says."""


class PolicyError(ConditionsError):
    """Checks that failed, signatures that are missing, or a use that the rules do not allow."""


class CatalogError(BadInputError):
    """A record, a dataset or a query that the catalogue refuses; nothing was changed."""


class QueryError(CatalogError):
    """An MQL text that cannot be understood or answered.

    Parameters
    ----------
    message : str
        One line: what is wrong, what was expected and found.
    offset : int or None
        Character of the query text, from 0; None where no single place is to blame.
    hint : str, optional
        What to write instead.
    next_step : str, optional
        The next command to type.
    """

    def __init__(
        self, message: str, *, offset: int | None = None, hint: str = "", next_step: str = ""
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.offset = offset
        self.hint = hint


class NotInCatalogError(CatalogError):
    """A file, dataset, namespace or named query that the catalogue does not have."""


class ConflictError(CatalogError):
    """Names that are taken by something else.

    Parameters
    ----------
    message : str
    taken : tuple of str
        ``namespace:name`` of each.
    next_step : str, optional
    """

    def __init__(self, message: str, taken: tuple[str, ...], *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.taken = taken


class DeniedError(CatalogError):
    """A change that this account may not make, or that the dataset does not allow."""


class InvalidRecordError(CatalogError):
    """File records that break a rule; none of the batch was written.

    Parameters
    ----------
    message : str
    problems : tuple of (int, str, str, object)
        Number of the record in the batch, the member or metadata key, the reason, the value.
    next_step : str, optional
    """

    def __init__(
        self,
        message: str,
        problems: tuple[tuple[int, str, str, object], ...],
        *,
        next_step: str = "",
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.problems = problems


class StoreError(Mx2Error):
    """A database that cannot be reached, read or written."""


class GuardError(StoreError):
    """A change that a rule inside the database refused."""


class ChainError(StoreError):
    """An event log that is not as it was written."""


class LeaseError(StoreError):
    """A lease that somebody else holds, or that was lost."""


class OutputError(Mx2Error):
    """An output that cannot be written: full disk, no permission, or it exists already."""


class LossesError(Mx2Error):
    """The work is finished, with losses; they are listed in the report."""

    exit_code = 3
