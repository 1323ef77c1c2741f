"""How many random examples a test draws."""

from __future__ import annotations

from hypothesis import settings


def share(part: int) -> settings:
    """A part of the examples of the profile: for a test that runs once a table, or draws much."""
    return settings(max_examples=max(20, settings.default.max_examples // part))
