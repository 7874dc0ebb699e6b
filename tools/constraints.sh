#!/bin/sh
# Writes the versions that the set-up installs:  constraints.sh PYTHON FILE
# They are those of a fresh environment with the newest allowed ones, made in a temporary folder.
set -eu

tools=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM

sh "$tools/setup.sh" venv "$1" "$folder/venv"
TORCH="torch>=2.13" sh "$tools/setup.sh" torch "$folder/venv/bin/python"
sh "$tools/setup.sh" packages "$folder/venv/bin/python"
"$folder/venv/bin/python" "$tools/list_versions.py" >"$folder/constraints.txt"
mv "$folder/constraints.txt" "$2"
