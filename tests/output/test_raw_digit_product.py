"""The raw-digit product: schema, documentation, and the content of a full-detector file."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from mx2prod.core.errors import UsageError
from mx2prod.digits import raw_digit_chunks
from mx2prod.output import PRODUCTS, RawDigits, product_of, product_page, read_raw_digits
from mx2prod.output.schema import COUNTER
from mx2prod.raw import open as open_raw


def test_columns_have_meaning_and_legal_types():
    for tree in RawDigits.trees:
        names = [column.name for column in tree.columns]
        assert len(set(names)) == len(names)
        assert COUNTER not in names
        for column in tree.columns:
            assert column.meaning
            assert column.root_code


def test_fingerprint_depends_on_names_types_and_order():
    class Changed(RawDigits):
        """The same trees in another order."""

        trees = RawDigits.trees[::-1]

    assert RawDigits.fingerprint() != Changed.fingerprint()
    assert len(RawDigits.fingerprint()) == 64


def test_product_by_tier():
    assert product_of("raw-digits") is RawDigits
    assert set(PRODUCTS) == {"raw-digits", "sup-digits"}
    with pytest.raises(UsageError, match="did you mean 'raw-digits'"):
        product_of("raw-digit")


def test_page_describes_every_column_and_bit():
    page = product_page(RawDigits)
    for tree in RawDigits.trees:
        assert f"## `{tree.path}`" in page
        for column in tree.columns:
            assert f"| `{column.name}` |" in page
            for bit in column.bits or []:
                assert f"`{bit.name}`, {column.bit_meanings[bit]}" in page
    assert "uint16 (`s`)" in page
    assert "0 to 4095" in page
    cells = {line.replace("\\|", "").count("|") for line in page.splitlines() if line[:2] == "| "}
    assert cells == {6}


def test_content_is_that_of_the_raw_file(digit_file, samples):
    source = next(samples["p10_numib_full"].glob("*.dat"))
    stored = read_raw_digits(digit_file)
    with open_raw(source) as file:
        chunks = [piece for chunk in file.chunks() for piece in raw_digit_chunks(chunk)]
    gate = 0
    for piece in chunks:
        gates = slice(gate, gate + len(piece))
        for name, values in piece.header.items():
            np.testing.assert_array_equal(ak.to_numpy(stored.header[gates][name]), values)
        for part, columns, counts in (
            (stored.boards[gates], piece.boards, piece.boards_per_gate),
            (stored.digits[gates], piece.digits, piece.digits_per_gate),
        ):
            np.testing.assert_array_equal(ak.to_numpy(ak.num(part)), counts)
            for name, values in columns.items():
                np.testing.assert_array_equal(ak.to_numpy(ak.flatten(part[name])), values)
        gate += len(piece)
    assert gate == len(stored.header) == 14


def test_some_gates_only(digit_file):
    some, everything = read_raw_digits(digit_file, 3, 5), read_raw_digits(digit_file)
    assert some.header["gate"].tolist() == [4, 5]
    assert ak.all(some.digits["adc_hi"] == everything.digits["adc_hi"][3:5])
    assert some.meta == everything.meta


def test_another_product_is_refused(tmp_path, toy):
    from mx2prod.output import product_file

    product, make_rows = toy
    with product_file(tmp_path / "toy.root", product) as writer:
        writer.extend(make_rows([1]))
    with pytest.raises(UsageError, match=r"holds 'toy/1', expected 'raw-digits/1'"):
        read_raw_digits(tmp_path / "toy.root")
