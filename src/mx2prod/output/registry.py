"""Products by the word of their tier."""

from __future__ import annotations

from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest
from mx2prod.output.raw_digits import RawDigits
from mx2prod.output.schema import Product
from mx2prod.output.sup_digits import SupDigits

PRODUCTS: dict[str, type[Product]] = {product.tier: product for product in (RawDigits, SupDigits)}
"""All products, in the order of the data."""


def product_of(tier: str) -> type[Product]:
    """Find a product by its tier word.

    Raises
    ------
    UsageError
        If there is no such product; the nearest word is named.
    """
    if tier not in PRODUCTS:
        raise UsageError(
            f"no product {tier!r} (products: {', '.join(PRODUCTS)})" + nearest(tier, PRODUCTS)
        )
    return PRODUCTS[tier]
