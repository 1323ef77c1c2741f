"""Reference page of a product, made from its schema."""

from __future__ import annotations

from mx2prod.output.schema import COUNTER, Column, Product, Tree


def product_page(product: type[Product]) -> str:
    """Describe a product in Markdown: one table a tree, one list a bit pattern.

    Parameters
    ----------
    product : type of Product

    Returns
    -------
    str
        Ends with a newline.
    """
    lines = [
        f"# {product.title} (`{product.schema}`)",
        "",
        (product.__doc__ or "").strip(),
        "",
        f"Tier on the command line `{product.tier}`; `core.data_tier` of the record "
        f"`{product.data_tier}`.",
        "The object `Meta` (canonical JSON) says where the file comes from and how it was made.",
        "",
    ]
    for tree in product.trees:
        lines += _tree_section(tree)
    return "\n".join(lines)


def _tree_section(tree: Tree) -> list[str]:
    shape = f"Rows a gate: branch `{COUNTER}` (`Int_t`)." if tree.jagged else "One row a gate."
    lines = [
        f"## `{tree.path}`",
        "",
        f"{tree.meaning} {shape}",
        "",
        "| column | type | unit | limits | meaning |",
        "|---|---|---|---|---|",
        *(_row(column) for column in tree.columns),
        "",
    ]
    for column in tree.columns:
        lines += _bit_list(column)
    return lines


def _row(column: Column) -> str:
    meaning = column.meaning
    if column.sentinel is not None:
        meaning += f"; {column.sentinel}: not known"
    cells = (
        f"`{column.name}`",
        f"{column.dtype.name} (`{column.root_code}`)",
        column.unit,
        _limits(column),
        meaning,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _limits(column: Column) -> str:
    if column.minimum is None and column.maximum is None:
        return ""
    low = column.minimum if column.minimum is not None else 0
    if column.maximum is None:
        return f"at least {low}"
    return f"{low} to {column.maximum}"


def _bit_list(column: Column) -> list[str]:
    if column.bits is None:
        return []
    lines = [f"Bits of `{column.name}`:", ""]
    for bit in column.bits:
        meaning = column.bit_meanings.get(bit, "")
        lines.append(f"- {int(bit)}: `{bit.name}`{f', {meaning}' if meaning else ''}")
    return [*lines, ""]
