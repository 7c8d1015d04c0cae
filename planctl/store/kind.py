"""How a transaction stands to those of others; it opens none."""

from __future__ import annotations

from typing import Literal

Kind = Literal["read", "write", "share"]
"""`read` keeps nothing; `write` is alone among writes; a `share` goes on beside other shares."""
