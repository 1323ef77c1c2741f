"""Reference pages of the Python rooms, read from the source text without importing it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOM_ORDER = (
    "core", "journal", "detector", "constants", "raw", "simulation", "conditions", "calibration",
    "digits", "reconstruction", "output", "rockmuons", "metadata", "catalog", "placement",
    "production", "engines", "validation", "display", "web",
)  # fmt: skip
"""Rooms in the order of the data; the commands have pages of their own."""

SECTION = re.compile(r"^(?P<title>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A public name: its heading, and its documentation as Markdown."""

    name: str
    heading: str
    text: str


def pages(package: Path) -> dict[str, str]:
    """One page a room and an index, by path below the docs folder.

    Parameters
    ----------
    package : Path
        Folder of the package.
    """
    rooms = [room for room in ROOM_ORDER if (package / room / "__init__.py").is_file()]
    made = {f"reference/python/{room}.md": _room_page(package, room) for room in rooms}
    rows = [f"| [`mx2prod.{r}`]({r}.md) | {_first_line(_tree(package / r))} |" for r in rooms]
    head = "# Python\n\nRooms in the order of the data; a room imports only rooms above it here.\n"
    made["reference/python/index.md"] = "\n".join([head, "| room | holds |", "|---|---|", *rows])
    return made


def _room_page(package: Path, room: str) -> str:
    folder = package / room
    parts = [f"# mx2prod.{room}\n", to_markdown(ast.get_docstring(_tree(folder)) or "")]
    shown = exported_names(_tree(folder))
    if shown:
        parts.append("Public names: " + ", ".join(f"`{name}`" for name in shown) + ".\n")
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder).with_suffix("")
        if any(part.startswith("_") for part in relative.parts):
            continue
        tree = _tree(path)
        parts.append(f"## {room}.{'.'.join(relative.parts)}\n")
        parts.append(to_markdown(ast.get_docstring(tree) or ""))
        parts += [f"### {e.heading}\n\n{e.text}" for e in entries(tree)]
    return "\n".join(parts)


def _tree(path: Path) -> ast.Module:
    source = path / "__init__.py" if path.is_dir() else path
    return ast.parse(source.read_text(encoding="utf-8"))


def _first_line(tree: ast.Module) -> str:
    return _inline((ast.get_docstring(tree) or "").split("\n", 1)[0])


def exported_names(tree: ast.Module) -> list[str]:
    """Names in ``__all__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and "__all__" in _targets(node):
            return sorted(ast.literal_eval(node.value))
    return []


def entries(tree: ast.Module) -> Iterator[Entry]:
    """Public classes, functions and documented constants of a module, in source order."""
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            text = to_markdown(ast.get_docstring(node) or "") + "\n"
            text += "".join(_members(node)) + "".join(_methods(node))
            yield Entry(node.name, f"class `{node.name}`", text)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            text = f"```python\n{_signature(node)}\n```\n\n"
            yield Entry(
                node.name, f"`{node.name}`", text + to_markdown(ast.get_docstring(node) or "")
            )
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _is_text(after):
            for name in _targets(node):
                if not name.startswith("_"):
                    yield Entry(name, f"`{name}`", to_markdown(_constant_text(after)))


def _members(node: ast.ClassDef) -> Iterator[str]:
    """Members of an enumeration, with the text that stands below each."""
    if not any(ast.unparse(base).endswith(("Enum", "Flag")) for base in node.bases):
        return
    for item, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(item, ast.Assign):
            text = f": {_inline(_constant_text(after))}" if _is_text(after) else ""
            yield f"- `{_targets(item)[0]} = {ast.unparse(item.value)}`{text}\n"


def _methods(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            doc = _inline((ast.get_docstring(item) or "").split("\n\n", 1)[0])
            yield f"- `{_signature(item).removeprefix('def ')}`: {doc}\n"


def _signature(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"def {node.name}({ast.unparse(node.args)}){returns}"
    if len(line) <= 100 or "(self" in line:
        return line
    return line.replace("(", "(\n    ", 1).replace(f"){returns}", f"\n){returns}")


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_text(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _constant_text(node: ast.stmt | None) -> str:
    return str(ast.literal_eval(node.value)) if isinstance(node, ast.Expr) else ""


def to_markdown(docstring: str) -> str:
    """Turn a numpy-style docstring into Markdown: sections become bold words and lists."""
    pieces = SECTION.split(inspect.cleandoc(docstring))
    text = _blocks(pieces[0])
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        text += f"\n**{title}**\n\n{_fields(body)}"
    return text + "\n"


def _blocks(text: str) -> str:
    """Paragraphs; an indented block after ``::`` becomes preformatted text."""
    text = re.sub(r"(?m)^::$|::$", lambda m: "" if m.group() == "::" else m.group(), text)
    return re.sub(r"((?:^ {4}.*\n?|^\n(?= {4}))+)", _fence, _inline(text), flags=re.MULTILINE)


def _fence(match: re.Match[str]) -> str:
    return f"```text\n{inspect.cleandoc(match.group())}\n```\n"


def _fields(body: str) -> str:
    """Turn ``name : type`` lines and the indented text below each into list items."""
    items: list[str] = []
    for line in filter(str.strip, body.split("\n")):
        if line.startswith(" ") and items:
            items[-1] += (" " if items[-1].count(": ") else ": ") + _inline(line.strip())
        else:
            name, colon, kind = line.partition(" : ")
            items.append(f"- `{name}`" + (f" ({_inline(kind)})" if colon else ""))
    return "\n".join(items) + "\n"


def _inline(text: str) -> str:
    text = re.sub(r":[a-z]+:`~?([^`]+)`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text)
