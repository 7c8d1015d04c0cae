#!/usr/bin/env bash
# Prints the first Python >= 3.11 that runs: $PYTHON if given, else the newest of the usual names.
set -euo pipefail

new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [[ -n "${PYTHON:-}" ]]; then
  candidates=("$PYTHON")
else
  candidates=(python3.14 python3.13 python3.12 python3.11 python3)
fi

for candidate in "${candidates[@]}"; do
  if new_enough "$candidate"; then
    echo "$candidate"
    exit 0
  fi
done

{
  echo "error: no Python 3.11 or newer found (tried: ${candidates[*]})"
  echo "hint: install it, or name it: make demo PYTHON=/path/to/python3.11"
} >&2
exit 1
