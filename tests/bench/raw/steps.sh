# shellcheck shell=sh
# The commands of the tools, as a person types them; deploy.sh and the others call them one after the other.
#
#   ENVIRONMENT ACCOUNT REGION REGISTRY   the environment
#   IMAGE FUNCTION COMMIT                 the image (its bake target), the function that runs it, the commit
#   WORK                                  a folder of this environment: docker's login, Terraform's data, the plan
#   COMPOSE                               a Compose file with the network of the build and the base that stands in
#   PLUGINS                               a folder with Terraform's providers; empty for Terraform's registry
#
# docker-bake.hcl reads ENVIRONMENT, REGISTRY, COMMIT, OUTPUT and CACHE from the environment.
set -eu

login() {
    aws ecr get-login-password | docker login --username AWS --password-stdin "$REGISTRY"
}

build_and_push() {
    docker buildx bake --file "$COMPOSE" --file docker-bake.hcl --progress plain \
        --metadata-file "$WORK/build.json" "$IMAGE"
}

digest() {
    sed -nE 's/.*"containerimage.digest": "(sha256:[0-9a-f]+)".*/\1/p' "$WORK/build.json"
}

image() {
    printf '%s/%s-%s-lambda@%s' "$REGISTRY" "$ENVIRONMENT" "$IMAGE" "$(digest)"
}

init() {
    terraform -chdir=infrastructure/service init -input=false -lockfile=readonly \
        -backend-config="bucket=$ENVIRONMENT-$ACCOUNT-$REGION-terraform-state" \
        -backend-config="region=$REGION" -backend-config="key=service.tfstate" ${PLUGINS:+"-plugin-dir=$PLUGINS"}
}

# $1: `terraform plan` or another command with variables; $2: the version that the alias names when it is made, or
# nothing; the rest: more options
terraform_with_variables() {
    command=$1 live=$2
    shift 2
    terraform -chdir=infrastructure/service "$command" -input=false -var-file="$ENVIRONMENT.tfvars" \
        -var-file="$WORK/values.tfvars.json" -var "images={\"$IMAGE\"=\"$(image)\"}" \
        -var "live_versions={${live:+\"$IMAGE\"=\"$live\"}}" "$@"
}

plan() {
    terraform_with_variables plan "$1" -out="$WORK/service.tfplan"
}

apply() {
    terraform -chdir=infrastructure/service apply -input=false "$WORK/service.tfplan"
}

publish() {
    aws lambda publish-version --function-name "$FUNCTION" --description "commit $COMMIT" \
        --query Version --output text
}

move_alias() {
    aws lambda update-alias --function-name "$FUNCTION" --name live --function-version "$1" --output text
}
