"""Datasets and named queries that a query names (catalogue page, section 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mx2prod.catalog.mql import attributes, syntax
from mx2prod.catalog.mql.conditions import compile_condition
from mx2prod.catalog.mql.patterns import compile_glob, compile_pattern
from mx2prod.catalog.mql.source import Source
from mx2prod.catalog.mql.syntax import Name, Pattern, Selector
from mx2prod.catalog.records import DatasetRecord, NamedQuery
from mx2prod.core.errors import QueryError
from mx2prod.core.ids import Did
from mx2prod.core.suggest import nearest


@dataclass(frozen=True)
class Options:
    """What goes with a query.

    Attributes
    ----------
    default_namespace : str or None
        Of files, datasets and named queries that are named without one.
    include_retired : bool
    """

    default_namespace: str | None = None
    include_retired: bool = False


class DatasetEvaluator:
    """Finds the datasets and named queries of checked queries.

    Parameters
    ----------
    source : Source
    options : Options

    Attributes
    ----------
    source : Source
    namespace : str or None
        The default one where the query stands now.
    warnings : list of str
        Grows with each query that is answered.
    """

    def __init__(self, source: Source, options: Options) -> None:
        self.source = source
        self.namespace = options.default_namespace
        self.warnings: list[str] = []

    def datasets(self, selectors: Iterable[Selector]) -> list[DatasetRecord]:
        """Datasets of some selectors, each once."""
        found = {record.did: record for one in selectors for record in self._select(one)}
        return list(found.values())

    def did(self, name: Name) -> Did:
        """Name with the default namespace where it has none of its own."""
        namespace = name.namespace or self.namespace
        if namespace is None:
            raise QueryError(
                f"{name.name} has no namespace",
                offset=name.span.start,
                hint=f"write NAMESPACE:{name.name}, or give a default namespace",
            )
        return Did(namespace, name.name)

    def _select(self, selector: Selector) -> list[DatasetRecord]:
        chosen = self._chosen(selector.what)
        if selector.subsets is not None:
            chosen = self._with_subsets(chosen, recursively=selector.subsets == "all")
        if selector.having is None:
            return chosen
        holds = compile_condition(selector.having, attributes.OF_DATASETS)
        return [record for record in chosen if holds(record) is True]

    def _chosen(self, what: Name | Pattern) -> list[DatasetRecord]:
        if isinstance(what, Pattern):
            matches = _matcher(what)
            records = self.source.datasets(what.namespace)
            return sorted((one for one in records if matches(one.name)), key=lambda one: one.did)
        did = self.did(what)
        record = self.source.dataset(did)
        if record is None:
            known = [one.did for one in self.source.datasets(did.namespace)]
            self.warnings.append(f"there is no dataset {did}{nearest(str(did), known)}")
            return []
        return [record]

    def _with_subsets(
        self, chosen: Sequence[DatasetRecord], *, recursively: bool
    ) -> list[DatasetRecord]:
        found = {record.did: record for record in chosen}
        layer = list(chosen)
        while layer:
            children = [did for record in layer for did in record.children]
            records = [self.source.dataset(did) for did in children if str(did) not in found]
            layer = [record for record in records if record is not None]
            found.update((record.did, record) for record in layer)
            if not recursively:
                break
        return list(found.values())

    def named_queries(self, query: syntax.QueriesQuery) -> list[NamedQuery]:
        """Named queries that fit, by name."""
        records = list(self.source.named_queries())
        if query.pattern is not None:
            pattern, matches = query.pattern, _matcher(query.pattern)
            records = [
                one for one in records if one.namespace == pattern.namespace and matches(one.name)
            ]
        if query.condition is not None:
            holds = compile_condition(query.condition, attributes.OF_QUERIES)
            records = [record for record in records if holds(record) is True]
        return sorted(records, key=lambda record: record.did)


def _matcher(pattern: Pattern) -> Callable[[str], object]:
    """Make the function that a name is chosen by."""
    if pattern.is_regexp:
        return compile_pattern(pattern.text).found
    return compile_glob(pattern.text).fullmatch
