"""Writing a product: what is read back is what was given; a failure leaves nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from mx2prod.core.errors import InputFileError, OutputError
from mx2prod.output import Rows, product_file, read_meta, verify_product
from mx2prod.output.content import ContentHash
from mx2prod.output.root_reader import examine_product


def write(path, product, pieces, meta=None):
    with product_file(path, product) as writer:
        for rows in pieces:
            writer.extend(rows)
        writer.meta = meta or {}
    return writer


@pytest.mark.parametrize(
    "counts",
    [[], [0], [3], [0, 0, 2], [2, 0, 1], [1, 2, 3, 0], [0] * 5, list(range(40))],
    ids=str,
)
def test_round_trip(tmp_path, toy, counts):
    product, make_rows = toy
    rows = make_rows(counts)
    path = tmp_path / "toy.root"
    write(path, product, [rows])
    verify_product(path, product)
    with uproot.open(path) as file:
        hits = file["Event/Hits"].arrays()
        assert ak.num(hits["adc"]).tolist() == counts
        assert hits["n"].tolist() == counts
        for name, values in rows["Event/Hits"].columns.items():
            np.testing.assert_array_equal(ak.to_numpy(ak.flatten(hits[name])), values)
        assert file["Event/Gate"]["gate"].array().tolist() == list(range(1, len(counts) + 1))


def test_several_pieces_give_the_same_content_as_one(tmp_path, toy):
    product, make_rows = toy
    whole = make_rows([2, 0, 1, 4])
    gates, hits = whole["Event/Gate"], whole["Event/Hits"]
    pieces = []
    for first, last, begin, end in ((0, 1, 0, 2), (1, 2, 2, 2), (2, 4, 2, 7)):
        pieces.append(
            {
                "Event/Gate": Rows({"gate": gates.columns["gate"][first:last]}),
                "Event/Hits": Rows(
                    {name: values[begin:end] for name, values in hits.columns.items()},
                    hits.counts[first:last],
                ),
            }
        )
    one = write(tmp_path / "one.root", product, [whole])
    several = write(tmp_path / "several.root", product, pieces)
    assert one.structure() == several.structure()


def test_hash_tells_every_kind_of_change(toy):
    product, make_rows = toy

    def digest(change):
        rows = make_rows([2, 0, 1])
        change(rows)
        content = ContentHash(product)
        for path, part in rows.items():
            content.update(path, part)
        return content.hexdigest()

    def swap_counts(rows):
        hits = rows["Event/Hits"]
        rows["Event/Hits"] = Rows(hits.columns, np.array([1, 1, 1], np.int32))

    def change_value(rows):
        rows["Event/Hits"].columns["adc"][1] ^= 1

    def swap_rows(rows):
        for values in rows["Event/Hits"].columns.values():
            values[[0, 2]] = values[[2, 0]]

    base = digest(lambda rows: None)
    assert base == digest(lambda rows: None)
    others = {digest(change) for change in (swap_counts, change_value, swap_rows)}
    assert len(others | {base}) == 4


def test_meta_is_canonical_and_says_structure(tmp_path, toy):
    product, make_rows = toy
    path = tmp_path / "toy.root"
    write(path, product, [make_rows([2, 1])], {"run": 7, "text": "x" * 300_000})
    meta = read_meta(path)
    assert meta["run"] == 7
    assert len(meta["text"]) == 300_000
    assert meta["schema"] == "toy/1"
    assert meta["compression"] == "ZSTD-1"
    assert meta["trees"] == {
        "Event/Gate": {"entries": 2, "rows": 2},
        "Event/Hits": {"entries": 2, "rows": 3},
    }


def test_branches_are_classic_leaf_lists_with_one_counter(tmp_path, toy):
    product, make_rows = toy
    path = tmp_path / "toy.root"
    write(path, product, [make_rows([2, 0, 1])])
    with uproot.open(path) as file:
        assert file.classname_of("Event/Hits") == "TTree"
        assert file.classname_of("Meta") == "TObjString"
        titles = [branch.title for branch in file["Event/Hits"].branches]
        counter = file["Event/Hits/n"].member("fLeaves")[0]
        assert file.file.fCompress == uproot.ZSTD(1).code
    assert titles == ["n/I", "chan[n]/I", "adc[n]/s", "t[n]/D", "view[n]/b"]
    assert counter.member("fMaximum") == 2


def test_existing_file_is_never_overwritten(tmp_path, toy):
    product, make_rows = toy
    path = tmp_path / "toy.root"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write(path, product, [make_rows([1])])
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_error_while_writing_leaves_nothing(tmp_path, toy):
    product, make_rows = toy
    with (
        pytest.raises(RuntimeError, match="stop"),
        product_file(tmp_path / "toy.root", product) as writer,
    ):
        writer.extend(make_rows([2, 1]))
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


def broken(rows, tree, **columns):
    part = rows[tree]
    return {**rows, tree: Rows({**part.columns, **columns}, part.counts)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: {"Event/Gate": r["Event/Gate"]}, "trees"),
        (lambda r: {**r, "Event/Gate": Rows({"gat": np.ones(3, np.uint32)})}, "missing: .'gate'"),
        (lambda r: broken(r, "Event/Gate", gate=np.ones(3, np.int64)), "type int64"),
        (lambda r: broken(r, "Event/Gate", gate=np.zeros(3, np.uint32)), "below the minimum 1"),
        (lambda r: broken(r, "Event/Hits", adc=np.full(3, 4096, np.uint16)), "above the maximum"),
        (lambda r: broken(r, "Event/Hits", t=np.array([1, np.nan, 2.0])), "not finite"),
        (lambda r: broken(r, "Event/Hits", t=np.array([1, 2, np.inf])), "not finite"),
        (lambda r: broken(r, "Event/Hits", t=np.zeros(2)), "shape"),
        (lambda r: {**r, "Event/Gate": Rows({"gate": np.ones(2, np.uint32)})}, "gates by tree"),
        (lambda r: {**r, "Event/Hits": Rows(r["Event/Hits"].columns)}, "counts missing"),
    ],
)
def test_rows_that_break_the_schema_are_refused(tmp_path, toy, change, message):
    product, make_rows = toy
    with pytest.raises(OutputError, match=message):
        write(tmp_path / "toy.root", product, [change(make_rows([2, 0, 1]))])
    assert list(tmp_path.iterdir()) == []


def test_verification_finds_another_content(tmp_path, toy):
    product, make_rows = toy
    path = tmp_path / "toy.root"
    write(path, product, [make_rows([2, 0, 1])])
    _, problems = examine_product(path, product, "0" * 64)
    assert problems == ["the columns read back are not those that were written"]


def test_verification_finds_a_damaged_file(tmp_path, toy):
    product, make_rows = toy
    path = tmp_path / "toy.root"
    write(path, product, [make_rows([200] * 20)])
    data = bytearray(path.read_bytes())
    where = len(data) // 2
    data[where : where + 64] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(InputFileError, match=r"toy\.root"):
        verify_product(path, product)


def test_verification_finds_another_schema(tmp_path, toy):
    product, make_rows = toy

    class Other(product):
        """A later version."""

        schema = "toy/2"
        trees = product.trees[:1]

    path = tmp_path / "toy.root"
    write(path, product, [make_rows([1])])
    with pytest.raises(InputFileError, match="schema is 'toy/1', expected 'toy/2'"):
        verify_product(path, Other)


def test_not_a_product(tmp_path):
    text, root = tmp_path / "a.root", tmp_path / "b.root"
    text.write_text("no ROOT file")
    with pytest.raises(InputFileError, match="not a readable ROOT file"):
        read_meta(text)
    with uproot.recreate(root) as file:
        file["x"] = "y"
    with pytest.raises(InputFileError, match="not a product of mx2prod"):
        read_meta(root)
    with uproot.recreate(root) as file:
        file["Meta"] = "no json"
    with pytest.raises(InputFileError, match="is not JSON"):
        read_meta(root)
    with uproot.recreate(root) as file:
        file["Meta"] = "[1]"
    with pytest.raises(InputFileError, match="not a JSON object"):
        read_meta(root)
    with pytest.raises(InputFileError, match="a directory"):
        read_meta(tmp_path)


PEAK = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
LIMITED = """
import resource, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[3])
from mx2prod.core.errors import OutputError
from mx2prod.output import Column, Product, Rows, Tree, product_file

class Toy(Product):
    schema, tier, data_tier, title = "toy/1", "toy", "decoded-raw", "Toy"
    trees = (Tree("Gate", "x", (Column("gate", "u8", "number"),)),)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
rng = np.random.default_rng(1)
try:
    with product_file(Path(sys.argv[1]), Toy) as writer:
        for _ in range(20):
            writer.extend({"Gate": Rows({"gate": rng.integers(0, 2**63, 5000).astype(np.uint64)})})
except OutputError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("limit", [10, 20_000, 300_000, 799_000])
def test_system_that_refuses_to_write_leaves_nothing(tmp_path, limit):
    """The system's file size limit stops the write at different places, also in the last bytes."""
    script, path = tmp_path / "write.py", tmp_path / "out" / "toy.root"
    script.write_text(LIMITED)
    call = [sys.executable, str(script), str(path), str(limit), str(Path(__file__).parent)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "toy.root: cannot be written: File too large" in done.stdout
    assert done.stderr == ""
    assert list(path.parent.iterdir()) == []


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Pieces of 8 MB: a file of 360 MB takes no more memory than one of 144 MB."""
    peaks = []
    for pieces in (18, 45):
        script = tmp_path / f"write{pieces}.py"
        script.write_text(
            LIMITED.replace("range(20)", f"range({pieces})").replace("5000", "1_000_000")
            + f"\nprint({PEAK})\n"
        )
        out = tmp_path / f"toy{pieces}.root"
        call = [sys.executable, str(script), str(out), "-1", str(tmp_path)]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) * 1024)
        out.unlink()
    assert peaks[1] < peaks[0] + 40_000_000
