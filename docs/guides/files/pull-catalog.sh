#!/bin/sh
# Fetches the newest catalog that somebody signed, and applies exactly that; run by planctl-catalog.service.
#   pull-catalog.sh CHECKOUT SIGNERS STATE
# CHECKOUT is a clone, SIGNERS the keys that may release (the format of ssh-keygen's allowed signers), STATE a
# directory of this script's own. PLANCTL_STORE names the store.
#
# A release is a signed tag catalog/NAME on the main branch whose message holds a line "digest: DIGEST", as the
# pull request showed it. It is applied once: what is edited in the shell afterwards is not undone by the timer.
# Ends with 0 where nothing was to do or it was applied, 75 where another one runs, else with what refused it.
set -eu
umask 077

checkout=$1 signers=$2 state=$3

exec 9> "$state/lock"
flock -n 9 || exit 75

# A signature says itself by which program it is checked; only those that SIGNERS is for can pass, whatever keyring
# this user has.
git() {
    command git -C "$checkout" -c gpg.program=false -c gpg.x509.program=false -c gpg.ssh.allowedSignersFile="$signers" "$@"
}

# The python of the unit's PATH; -I: neither PYTHONPATH nor the directory it is started in can bring code into it.
planctl() {
    python -I -m planctl "$@"
}

git fetch --quiet origin '+refs/heads/main:refs/remotes/origin/main' 'refs/tags/catalog/*:refs/tags/catalog/*'
tag=$(git for-each-ref --sort=-creatordate --count=1 --format='%(refname:short)' --merged=origin/main refs/tags/catalog)
if [ -z "$tag" ]; then
    exit 0
fi
object=$(git rev-parse "refs/tags/$tag")
if [ "$object" = "$(cat "$state/applied" 2> /dev/null || true)" ]; then
    exit 0
fi

git verify-tag "$object"
signed=$(git cat-file tag "$object")
digest=$(echo "$signed" | sed -n 's/^digest: \([0-9a-f]\{12\}\)$/\1/p' | head -n 1)
if [ -z "$digest" ] || ! echo "$signed" | grep -qxF "tag $tag"; then
    echo "$tag: it was signed under another name, or its message has no line \"digest: DIGEST\"" >&2
    exit 3
fi
git checkout --quiet --detach "$object"
planctl catalog validate "$checkout/catalog" --quiet
planctl catalog apply "$checkout/catalog" --yes --expect "$digest" --reason "$tag"
echo "$object" > "$state/applied"

# Where STATE/snapshot is a clone of the branch that the checks compare with, they see the new state at once.
if [ -d "$state/snapshot/.git" ]; then
    snapshot() {
        command git -C "$state/snapshot" "$@"
    }
    planctl catalog snapshot --out "$state/snapshot/catalog.snapshot.json" --quiet
    snapshot add catalog.snapshot.json
    snapshot -c user.name=planctl -c user.email=planctl@localhost commit --quiet -m "After $tag"
    snapshot push --quiet origin HEAD:catalog-snapshot
fi
