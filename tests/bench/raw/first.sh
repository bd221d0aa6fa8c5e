#!/bin/sh
# A first deploy with the tools themselves. The alias and the URL are made with a version, so they need a second apply.
# shellcheck source=tests/bench/raw/steps.sh
. "$(dirname "$0")/steps.sh"

login
build_and_push
init
plan ''
apply
version=$(publish)
plan "$version"
apply
