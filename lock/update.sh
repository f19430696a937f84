#!/bin/sh
# Resolves the dependencies of pyproject.toml anew into lock/{base,run,dev}.txt: exact versions, hashes of every file, and
# no download address, so that whoever installs takes them from the index of their own choice.
set -eu
cd "$(dirname "$0")/.."
export PIP_CONFIG_FILE=/dev/null
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_INDEX_URL PIP_CONSTRAINT || true

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# compile NAME ARGUMENTS...: the project itself (which the extra `dev` names) is installed from the folder, not from the lock.
compile() {
    name=$1
    shift
    "${COMPILE:-pip-compile}" --quiet --generate-hashes --build-deps-for editable --strip-extras --allow-unsafe --no-header \
        --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$@" -o "$work/$name.txt" pyproject.toml
    grep -v -e '^#' -e '^haidang @' "$work/$name.txt" >"lock/$name.txt"
}

compile dev --extra dev
grep -oE '^[A-Za-z0-9_.-]+==[^ ]+' lock/dev.txt >"$work/versions.txt"
compile run --extra collector --extra snmp --extra http --extra postgres -c "$work/versions.txt"
compile base -c "$work/versions.txt"
