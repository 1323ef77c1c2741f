"""Lines of every room that the tests ran: each room on its own must reach the bound.

Usage: room_coverage.py COVERAGE.json
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

BOUND_PERCENT = 90.0


def rooms(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, tuple[int, int]]:
    """Add up covered lines and all lines by room.

    Parameters
    ----------
    report : dict
        The JSON report of coverage.py.

    Returns
    -------
    dict of str to (int, int)
        Covered lines and statement lines of each room below ``mx2prod``.
    """
    lines: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, entry in report["files"].items():
        parts = Path(name).parts
        inside = parts[parts.index("mx2prod") + 1 :]
        room = inside[0] if len(inside) > 1 else "mx2prod"
        lines[room][0] += entry["summary"]["covered_lines"]
        lines[room][1] += entry["summary"]["num_statements"]
    return {room: (covered, total) for room, (covered, total) in sorted(lines.items())}


def main(path: str) -> int:
    """Print one line a room; return 1 if one is below the bound."""
    low = []
    for room, (covered, total) in rooms(json.loads(Path(path).read_text())).items():
        percent = 100.0 * covered / total if total else 100.0
        if percent < BOUND_PERCENT:
            low.append(room)
        print(f"coverage {room:<16}{covered:>6} of {total:>6} lines {percent:>6.1f} %")
    if low:
        print(f"coverage below {BOUND_PERCENT:.0f} %: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
