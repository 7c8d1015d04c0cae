#!/bin/sh
# Checks the catalog of a commit in any CI: needs planctl, a checkout, and neither store, network nor secret.
#   check-catalog.sh [CATALOG] [BASE]
# BASE is a snapshot file of the store, or git:REV such as git:origin/main. Writes diff.md for a comment.
# Ends with 0 where the catalog may be merged, 3 where it has errors, 4 where apply would refuse it.
set -eu

catalog=${1:-catalog}
base=${2:-snapshot/catalog.snapshot.json}

planctl catalog validate "$catalog"
code=0
planctl catalog diff "$catalog" --against "$base" --format markdown --exit-code > diff.md || code=$?
cat diff.md
case $code in
    0 | 2) exit 0 ;;
    *) exit "$code" ;;
esac
