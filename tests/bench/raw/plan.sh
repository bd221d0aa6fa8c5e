#!/bin/sh
# One plan in a folder that is initialised. It fails if the plan is not empty.
# shellcheck source=tests/bench/raw/steps.sh
. "$(dirname "$0")/steps.sh"

terraform_with_variables plan 1 -detailed-exitcode
