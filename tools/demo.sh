#!/usr/bin/env bash
# The journey of README.md, in a directory and a store that are thrown away afterwards.
# Usage: tools/demo.sh PLANCTL   (the program to show, e.g. .venv/bin/planctl)
# A test holds the commands below to those of README.md.
set -euo pipefail

program="$(realpath "${1:?usage: tools/demo.sh PLANCTL}")"
samples="$(realpath "$(dirname "${BASH_SOURCE[0]}")/../sample-catalogs")"

shop="$(mktemp -d)"
trap 'rm -rf "$shop"' EXIT
cd "$shop"
ln -s "$samples" sample-catalogs
export PLANCTL_STORE="$shop/store.db"
unset PLANCTL_AS_OF

planctl() { "$program" "$@"; }

run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

run planctl init --test
run planctl catalog apply sample-catalogs/quickstart --yes --as-of 2026-01-01
run planctl customer add nova --email ops@nova.example --currency USD --as-of 2026-01-01
run planctl subscribe nova starter --pay month --yes --as-of 2026-01-01
run planctl payment record INV-2026-00001 --as-of 2026-01-03
run planctl usage import sample-catalogs/quickstart/usage.ndjson --as-of 2026-02-01
run planctl invoice run --as-of 2026-02-01
run planctl invoice show INV-2026-00002 --as-of 2026-02-01
