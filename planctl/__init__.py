"""planctl sells plans from the shell; this module knows its version and imports nothing.

The version is a constant, not package metadata: reading metadata costs more than the rest of start-up.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
