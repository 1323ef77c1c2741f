"""What a job writes: one schema class a product, ROOT files."""

from mx2prod.output.documentation import product_page
from mx2prod.output.raw_digits import RawDigitFile, RawDigits, read_raw_digits
from mx2prod.output.registry import PRODUCTS, product_of
from mx2prod.output.root_reader import read_meta, verify_product
from mx2prod.output.root_writer import ProductWriter, product_file
from mx2prod.output.schema import Column, Product, Rows, Tree, problems_of
from mx2prod.output.sup_digits import SupDigitFile, SupDigits, read_sup_digits

__all__ = [
    "PRODUCTS",
    "Column",
    "Product",
    "ProductWriter",
    "RawDigitFile",
    "RawDigits",
    "Rows",
    "SupDigitFile",
    "SupDigits",
    "Tree",
    "problems_of",
    "product_file",
    "product_of",
    "product_page",
    "read_meta",
    "read_raw_digits",
    "read_sup_digits",
    "verify_product",
]
