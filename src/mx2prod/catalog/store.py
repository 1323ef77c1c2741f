"""The embedded catalogue: one Python API over SQLite and PostgreSQL (catalogue page, section 1).

:func:`mx2prod.catalog.open` gives a :class:`Catalog`.  Every change is one transaction with an
event in the log of the journal, so that it is there as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mx2prod.catalog import datasets, files, naming, snapshots
from mx2prod.catalog.declaring import Declared, declare
from mx2prod.catalog.reading import Reader, Which
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery, Namespace
from mx2prod.catalog.session import Actor
from mx2prod.catalog.snapshots import Snapshot
from mx2prod.core.ids import Did


class Catalog(Reader):
    """A catalogue in a database, made by :func:`mx2prod.catalog.open`.

    A change raises ``DeniedError`` where the actor may not make it, ``NotInCatalogError`` where
    its object is not there, ``ConflictError`` where a name is taken, ``InvalidRecordError`` where
    a record breaks a rule, ``CatalogError`` for other reasons; after an error nothing was written.
    With ``dry_run`` everything is checked and nothing is written.

    The actor is an administrator with the name of this account; :meth:`as_actor` gives another.
    """

    def as_actor(self, actor: Actor) -> Catalog:
        """Give the same catalogue with changes made in another name and with its rights."""
        return Catalog(replace(self.session, actor=actor))

    def declare(
        self,
        records: Iterable[Mapping[str, Any]],
        dataset: Did | str,
        *,
        make_names: bool = False,
        dry_run: bool = False,
        validate: bool = True,
    ) -> list[Declared]:
        """Declare a batch of files into a dataset, all or none; see :func:`.declaring.declare`."""
        return declare(
            self.session,
            records,
            dataset,
            make_names=make_names,
            dry_run=dry_run,
            validate=validate,
        )

    def update_file(
        self,
        which: Which,
        *,
        metadata: Mapping[str, Any] | None = None,
        replace_metadata: bool = False,
        size: int | None = None,
        checksums: Mapping[str, str] | None = None,
        add_parents: Sequence[Any] = (),
        add_children: Sequence[Any] = (),
        dry_run: bool = False,
    ) -> FileRecord:
        """Change a file; what it was and what it is stand in the event.

        Parameters
        ----------
        which : mapping, Did or str
        metadata : mapping, optional
            Keys to set.
        replace_metadata : bool
            Drop all other keys.
        size : int, optional
            Bytes.
        checksums : mapping, optional
            Kinds to set.
        add_parents, add_children : sequence
            Files to link; links are never removed.
        dry_run : bool

        Returns
        -------
        FileRecord
            As it is, or would be, after the change.
        """
        return files.update_file(
            self.session,
            which,
            metadata=metadata,
            replace_metadata=replace_metadata,
            size=size,
            checksums=checksums,
            add_parents=add_parents,
            add_children=add_children,
            dry_run=dry_run,
        )

    def retire(self, which: Which, *, retire: bool = True, dry_run: bool = False) -> FileRecord:
        """Hide a file from queries, or show it again; its name stays taken."""
        return files.retire_file(self.session, which, retire=retire, dry_run=dry_run)

    def delete_file(self, which: Which, *, force: bool = False, dry_run: bool = False) -> str:
        """Delete a file, refused while it has children unless ``force``; return its fid.

        Its did and fid are never given again.  A member of a snapshot is never deleted.
        """
        return files.delete_file(self.session, which, force=force, dry_run=dry_run)

    def create_dataset(
        self,
        did: Did | str,
        *,
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
        definition: str | None = None,
        requirements: Mapping[str, Any] | None = None,
        monotonic: bool = False,
        frozen: bool = False,
        fill: str | None = None,
        dry_run: bool = False,
    ) -> DatasetRecord:
        """Make a dataset.

        Parameters
        ----------
        did : Did or str
        description : str
        metadata : mapping, optional
        definition : str, optional
            MQL text that selects its files whenever it is asked for.
        requirements : mapping, optional
            On the metadata of its files, see :mod:`mx2prod.catalog.requirements`.
        monotonic : bool
            Files are added, never removed.
        frozen : bool
            Freeze it at once.
        fill : str, optional
            MQL text; the files that it selects now become members.
        dry_run : bool
        """
        return datasets.create_dataset(
            self.session,
            did,
            description=description,
            metadata=metadata,
            definition=definition,
            requirements=requirements,
            monotonic=monotonic,
            frozen=frozen,
            fill=fill,
            dry_run=dry_run,
        )

    def define(
        self, did: Did | str, definition: str, *, description: str = "", dry_run: bool = False
    ) -> DatasetRecord:
        """Make a defined dataset, and its namespace where that is missing."""
        return datasets.define(
            self.session, did, definition, description=description, dry_run=dry_run
        )

    def update_dataset(
        self,
        did: Did | str,
        *,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        replace_metadata: bool = False,
        definition: str | None = None,
        monotonic: bool | None = None,
        frozen: bool | None = None,
        reason: str = "",
        dry_run: bool = False,
    ) -> DatasetRecord:
        """Change a dataset; only what is given changes.

        ``frozen=True`` freezes it, which first takes a snapshot of its definition; ``False``
        unfreezes it, an act of its own in the log, with the ``reason``.
        """
        return datasets.update_dataset(
            self.session,
            did,
            description=description,
            metadata=metadata,
            replace_metadata=replace_metadata,
            definition=definition,
            monotonic=monotonic,
            frozen=frozen,
            reason=reason,
            dry_run=dry_run,
        )

    def add_files(
        self, did: Did | str, which: str | Iterable[Which], *, dry_run: bool = False
    ) -> int:
        """Add the files of an MQL text, or of a list, to a dataset; return how many were new."""
        return datasets.add_files(self.session, did, which, dry_run=dry_run)

    def remove_files(
        self, did: Did | str, which: str | Iterable[Which], *, dry_run: bool = False
    ) -> int:
        """Remove the files of an MQL text, or of a list; return how many were members."""
        return datasets.remove_files(self.session, did, which, dry_run=dry_run)

    def add_subset(self, parent: Did | str, child: Did | str) -> None:
        """Make a dataset a subset of another one; cycles are refused."""
        datasets.add_subset(self.session, parent, child)

    def remove_dataset(self, did: Did | str, *, dry_run: bool = False) -> None:
        """Remove a dataset, not its files; refused while a definition names it."""
        datasets.remove_dataset(self.session, did, dry_run=dry_run)

    def snapshot(
        self,
        did: Did | str,
        into: Did | str | None = None,
        *,
        frozen: bool = False,
        dry_run: bool = False,
    ) -> Snapshot:
        """Store the files that a dataset has now, in itself or in a new dataset.

        Parameters
        ----------
        did : Did or str
        into : Did or str, optional
            Name of a new dataset; the first one then stays as it is.
        frozen : bool
            Nothing may change the snapshot afterwards.
        dry_run : bool

        Raises
        ------
        CatalogError
            If there is no file, or the definition names what is not there.
        """
        return snapshots.take_snapshot(self.session, did, into, frozen=frozen, dry_run=dry_run)

    def save_query(
        self, named: NamedQuery, *, update: bool = False, dry_run: bool = False
    ) -> NamedQuery:
        """Save a named query; its text must be MQL and not use itself.

        ``update`` replaces the text of one that is there.
        """
        return naming.save_query(self.session, named, update_it=update, dry_run=dry_run)

    def create_namespace(
        self,
        name: str,
        *,
        owner_user: str | None = None,
        owner_role: str | None = None,
        description: str | None = None,
        dry_run: bool = False,
    ) -> Namespace:
        """Make a namespace, owned by the actor unless a user or a role is given."""
        return naming.create_namespace(
            self.session,
            name,
            owner_user=owner_user,
            owner_role=owner_role,
            description=description,
            dry_run=dry_run,
        )
