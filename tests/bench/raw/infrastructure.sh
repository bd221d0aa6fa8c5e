#!/bin/sh
# A deploy of a person who knows that no image has changed.
# shellcheck source=tests/bench/raw/steps.sh
. "$(dirname "$0")/steps.sh"

init
plan 1
apply
version=$(publish)
move_alias "$version"
