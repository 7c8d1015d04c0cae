"""The table of docs/reliability.md: every fault that we know of is held by a test, and every such test is in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"

KNOWN = """
    001 003 004 005 007 008 009 011 012 013 015 016 017 019 020 021 023 024 025 027 028 029 031 032 033 035 036 037
    039 040 041 043 044 045 046 047 048 049 051 052 053 055 056 057 059 060 061 062 063 064 065 067 068 069 071 072
    073 074 075 076 077 079 080 081 083 084 085 087 088 089 091 092 093 095 096 097 099 100 101 103 104 105 107 108
    109 111 112 113 115 116 117 119 120 121 123 124 125 127 128 129 131 132 133 135 136 137 139 140 141 143 144 145
    147 148 149 151 152 153 155 156 157 159 160 161 163 164 165 167 168 169 171 172 173 175 176 177 179 180 181 183
    184 185 187 188
"""
"""The faults of other systems that were looked for; a number that is missing was never given."""


def test_every_fault_has_a_row_and_a_test() -> None:
    assert re.findall(r"^\| F([0-9]{3}) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE) == KNOWN.split()


def test_the_table_is_what_the_tests_say() -> None:
    written = subprocess.run(
        [sys.executable, "tools/write-faults.py", "-"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    begins, ends = "<!-- faults -->\n\n", "<!-- end of faults -->"
    page = PAGE.read_text(encoding="utf-8")
    assert page.partition(begins)[2].partition(ends)[0] == written.stdout, "run: make docs"
