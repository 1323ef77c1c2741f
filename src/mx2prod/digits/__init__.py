"""Digits: pixels of the front-end boards, gate by gate."""
