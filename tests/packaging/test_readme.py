"""What README and quick start tell people to type works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = next((ROOT / "tests" / "data" / "raw" / "p10_numib_full").glob("*.dat"))
CALL = re.compile(r"^(?:\.venv/bin/)?mx2 (?P<rest>.*?)(?: +#.*)?$", re.MULTILINE)
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT_CODES = {"raw verify tests/data/raw/b02_bad_crc/*.dat": 3}


def calls(page: str) -> list[str]:
    blocks = BLOCK.findall((ROOT / page).read_text())
    return [match["rest"] for block in blocks for match in CALL.finditer(block)]


CALLS = [(page, call) for page in ("README.md", "docs/quick-start.md") for call in calls(page)]


def test_there_is_something_to_type() -> None:
    verbs = {call.split()[0] for _, call in CALLS}
    assert {"raw", "process", "doctor", "--help"} <= verbs


@pytest.mark.readme
@pytest.mark.parametrize(("page", "call"), CALLS)
def test_a_command_of_the_pages_works(tmp_path: Path, page: str, call: str) -> None:
    folder = ROOT if page == "README.md" else SAMPLE.parent
    words = re.sub(r"/path/(to/)?\S+", str(SAMPLE), call).replace("-o out", f"-o {tmp_path}/out")
    done = subprocess.run(
        ["bash", "-c", f"{Path(sys.executable).with_name('mx2')} {words}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == EXIT_CODES.get(call, 0), done.stderr
    assert done.stdout


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert re.search(rf"^{target}: setup", makefile, re.MULTILINE)


def test_links_of_the_top_pages_lead_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "changes/README.md"):
        text = (ROOT / page).read_text()
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / page).parent.joinpath(link).exists(), f"{page}: {link}"
