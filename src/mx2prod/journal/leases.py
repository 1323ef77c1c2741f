"""Leases: one holder a name, for a time, with a token that grows with every new holder.

Who writes under a lease calls :func:`confirm` in the same transaction: a holder that slept past
its time, and whose lease somebody else has taken since, is refused there (fencing).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select, text, update

from mx2prod.core.errors import LeaseError
from mx2prod.core.units import US_PER_S
from mx2prod.journal.engine import is_sqlite, writing
from mx2prod.journal.processes import is_gone, this_process
from mx2prod.journal.tables import LEASE


@dataclass(frozen=True)
class Lease:
    """A lease that was taken.

    Attributes
    ----------
    name, holder : str
    token : int
        Larger than that of every earlier holder.
    seconds : float
        For how long it was taken or renewed, s.
    good_until : float
        Time of ``time.monotonic`` after which this process must stop, whatever the clock says.
    """

    name: str
    holder: str
    token: int
    seconds: float
    good_until: float

    @property
    def good(self) -> bool:
        """True as long as this process may act without renewing."""
        return time.monotonic() < self.good_until


def take(engine: Engine, name: str, seconds: float, holder: str | None = None) -> Lease:
    """Take a lease that is free, has expired, or whose process on this machine has ended.

    A lease that has expired by the clock is still left to a process of this machine that lives:
    then it is the clock that jumped (placement page, section 5).

    Parameters
    ----------
    engine : Engine
    name : str
    seconds : float
        For how long, s.
    holder : str, optional
        This process if not given.

    Raises
    ------
    LeaseError
        If somebody holds it.
    """
    started = time.monotonic()
    holder = holder or this_process()
    with writing(engine) as connection:
        now_us = _now_us(connection)
        row = connection.execute(select(LEASE).where(LEASE.c.name == name)).first()
        if row is not None and not _is_free(row.holder, row.expires_us, now_us, holder):
            left = max(0.0, (row.expires_us - now_us) / US_PER_S)
            raise LeaseError(
                f"lease {name}: held by {row.holder} for {left:.0f} s more",
                next_step=f"wait {left:.0f} s, or end that process",
            )
        token = 1 if row is None else row.token + 1
        values = {
            "holder": holder,
            "expires_us": now_us + int(seconds * US_PER_S),
            "token": token,
        }
        if row is None:
            connection.execute(insert(LEASE), {"name": name, **values})
        else:
            connection.execute(update(LEASE).where(LEASE.c.name == name).values(values))
    return Lease(name, holder, token, seconds, started + seconds)


def renew(engine: Engine, lease: Lease) -> Lease:
    """Hold a lease for its time again, from now.

    Raises
    ------
    LeaseError
        If somebody else has taken it since.
    """
    started = time.monotonic()
    with writing(engine) as connection:
        confirm(connection, lease)
        expires = _now_us(connection) + int(lease.seconds * US_PER_S)
        connection.execute(
            update(LEASE).where(LEASE.c.name == lease.name).values(expires_us=expires)
        )
    return Lease(lease.name, lease.holder, lease.token, lease.seconds, started + lease.seconds)


def release(engine: Engine, lease: Lease) -> None:
    """Give a lease back.

    Raises
    ------
    LeaseError
        If somebody else has taken it since.
    """
    with writing(engine) as connection:
        confirm(connection, lease)
        free = {"holder": "", "expires_us": 0}
        connection.execute(update(LEASE).where(LEASE.c.name == lease.name).values(free))


def confirm(connection: Connection, lease: Lease) -> None:
    """Check in a writer's transaction that nobody has taken the lease since.

    Raises
    ------
    LeaseError
        If it was lost.
    """
    query = select(LEASE.c.holder, LEASE.c.token).where(LEASE.c.name == lease.name)
    row = connection.execute(query).first()
    if row is None or (row.holder, row.token) != (lease.holder, lease.token):
        now_held = f"held by {row.holder}" if row is not None and row.holder else "free"
        raise LeaseError(f"lease {lease.name}: lost, token {lease.token} is old; now {now_held}")


def _is_free(holder: str, expires_us: int, now_us: int, asking: str) -> bool:
    if not holder:
        return True
    gone = is_gone(holder)
    if gone is None or holder == asking:
        return now_us >= expires_us
    return gone


def _now_us(connection: Connection) -> int:
    """Clock that all holders share: that of the server, or of the machine of the SQLite file."""
    if is_sqlite(connection):
        return time.time_ns() // 1000
    query = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    return int(connection.execute(query).scalar_one())
