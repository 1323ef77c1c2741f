"""States of tags and global tags, one way only (conditions page, section 4.4)."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """State of a tag (the first two) or of a global tag."""

    OPEN = "OPEN"
    """Intervals may be added."""
    VALIDATED = "VALIDATED"
    """All checks passed or waived; the digest is fixed."""
    APPROVED = "APPROVED"
    """Enough valid signatures on exactly this digest."""
    PUBLISHED = "PUBLISHED"
    """In the production database."""
    SUPERSEDED = "SUPERSEDED"
    """A newer one is published; it can still be read."""
    INVALID = "INVALID"
    """Withdrawn by two conveners; read only on request, which outputs record."""


READABLE = (State.PUBLISHED, State.SUPERSEDED)
"""States that a production job may read."""
