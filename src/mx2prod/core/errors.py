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
    +-- OutputError              1   an output cannot be written (full disk, existing file)
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


class OutputError(Mx2Error):
    """An output that cannot be written: full disk, no permission, or it exists already."""


class LossesError(Mx2Error):
    """The work is finished, with losses; they are listed in the report."""

    exit_code = 3
