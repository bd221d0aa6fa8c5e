#!/bin/sh
# A deploy as the pipeline did it that this project replaces: also a refresh, and Lambda's own update and its wait.
# shellcheck source=tests/bench/raw/steps.sh
. "$(dirname "$0")/steps.sh"

login
build_and_push
init
terraform_with_variables refresh 1
plan 1
apply
aws lambda update-function-code --function-name "$FUNCTION" --image-uri "$(image)" --output text
aws lambda wait function-updated --function-name "$FUNCTION"
version=$(publish)
move_alias "$version"
