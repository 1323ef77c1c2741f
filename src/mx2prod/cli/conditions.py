"""``mx2 conditions``: constants, from development to production."""

from __future__ import annotations

import click

from mx2prod.cli import (
    conditions_decide,
    conditions_exchange,
    conditions_log,
    conditions_make,
    conditions_read,
    conditions_serve,
)


@click.group("conditions")
def command() -> None:
    """Constants in time: put them, check, approve and promote them; read what was promoted.

    A table is put into a tag of its folder, where it holds for an interval of subruns.  A global
    tag has one tag a folder.  Frozen, it has a digest, which people sign; promoted, jobs read it as
    GTAG@DIGEST.  Places are RUN or RUN/SUBRUN; ends are exclusive.

    \b
    From a table to production:
      mx2 conditions init
      mx2 conditions tag create minerva2x2_pedestal_constants:run1a --reason "first tables"
      mx2 conditions put minerva2x2_pedestal_constants ped.dat --tag run1a --since 1702 --reason ...
      mx2 conditions tag group mx2-run1-v1 minerva2x2_pedestal_constants=run1a --reason ...
      mx2 conditions gaps mx2-run1-v1 --runs runs.txt
      mx2 conditions check mx2-run1-v1
      mx2 conditions freeze mx2-run1-v1 --reason ...      (signed with your key)
      mx2 conditions approve mx2-run1-v1          (two persons)
      mx2 conditions promote mx2-run1-v1 --reason ...
    """


for _module in (
    conditions_make, conditions_decide, conditions_read, conditions_log, conditions_serve,
    conditions_exchange,
):  # fmt: skip
    for _verb in _module.VERBS:
        command.add_command(_verb)
