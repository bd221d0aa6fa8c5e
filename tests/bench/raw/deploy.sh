#!/bin/sh
# A deploy with the tools themselves.
# shellcheck source=tests/bench/raw/steps.sh
. "$(dirname "$0")/steps.sh"

login
build_and_push
init
plan 1
apply
version=$(publish)
move_alias "$version"
