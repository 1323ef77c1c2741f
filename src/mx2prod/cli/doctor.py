"""``mx2 doctor``."""

from __future__ import annotations

import click

from mx2prod.cli.frame import Frame, pass_frame, print_table


@click.command("doctor")
@pass_frame
def command(frame: Frame) -> int:
    """Check this installation: versions, workspace, disk, clock, services.

    Every check is tried for real.  States: ok; warning (works, look at it); failed (mend it; the
    exit code is 1); absent (not here, needed only for what it is named for).
    """
    from dataclasses import asdict

    from mx2prod.core.health import State, check_all

    checks = list(check_all(frame.workspace_root))
    frame.emit(
        [asdict(check) for check in checks],
        lambda: print_table(
            "This installation",
            ["check", "state", "detail"],
            [[check.name, check.state, check.detail] for check in checks],
            empty="no check ran",
        ),
    )
    failed = [check.name for check in checks if check.state == State.FAILED]
    frame.say(f"failed: {', '.join(failed)}" if failed else "healthy")
    return 1 if failed else 0
