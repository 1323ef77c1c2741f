from __future__ import annotations

from mx2prod.metadata import RULES, load_schema, metadata_page


def test_page_names_every_field_rule_and_tier():
    page = metadata_page()
    for key in load_schema().fields:
        assert f"| `{key}` (" in page
    for rule in RULES:
        assert f"| `{rule}` |" in page
    for tier in load_schema().tiers.values():
        assert f"`{tier.data_tier}`" in page
    assert page.endswith("\n")


def test_tables_are_regular():
    widths = set()
    for line in metadata_page().splitlines():
        if line.startswith("|"):
            widths.add(line.replace("\\|", "").count("|"))
        elif widths:
            assert len(widths) == 1
            widths = set()
