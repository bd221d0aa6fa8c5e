# The images of this project and how Docker builds them. A second Lambda function needs one more target in this file.
# The label lambda.health of a target says how a version of the image is verified: src/delivery/health.py.
# The tasks set the variables. `docker buildx bake --print` shows the resulting configuration.

variable "REGISTRY" { default = "" }
variable "ENVIRONMENT" { default = "local" }
variable "COMMIT" { default = "unknown" }
variable "PLATFORM" { default = "linux/amd64" }
# load: into the local Docker engine; push: to the registry; digest: build and keep nothing but the cache and the digest;
# layout: one folder per image in the folder OUTPUTS. All have the same manifest as a push.
variable "OUTPUT" { default = "load" }
variable "OUTPUTS" { default = "." }
# Where the build cache is: registry, gha (GitHub Actions), local (the folder CACHE_DIR) or none
variable "CACHE" { default = "none" }
variable "CACHE_DIR" { default = ".deploy/cache" }
# A file of CA certificates for the RUN steps, needed behind a private mirror or a proxy that inspects TLS
variable "CA_BUNDLE" { default = "" }
# A pip.conf for the RUN steps, with the private index of packages that PIP_INDEX_URL names; it may hold a password
variable "PIP_CONFIG" { default = "" }

group "default" {
  targets = ["sse-streaming"]
}

target "sse-streaming" {
  inherits = ["_common"]
  context  = "src/lambdas/sse_streaming"
  labels = {
    "lambda.health" = jsonencode({
      stream = "/api/v2/stream", first = "hello", events = 3, query = { events = "3", interval = "0.1" }
    })
  }
  tags       = tags("sse-streaming")
  cache-from = cache_from("sse-streaming")
  cache-to   = cache_to("sse-streaming")
  output     = output("sse-streaming")
}

target "_common" {
  platforms = [PLATFORM]
  # Attestations turn the pushed image into an index, which Lambda refuses. buildx adds provenance by default.
  attest  = ["type=provenance,disabled=true", "type=sbom,disabled=true"]
  secret = concat(
    CA_BUNDLE == "" ? [] : ["id=ca,src=${CA_BUNDLE}"],
    PIP_CONFIG == "" ? [] : ["id=pip,src=${PIP_CONFIG}"],
  )
  # A constant time, and no commit: an image depends on its context and its base only, so a commit that touches neither
  # makes no new image. The commit is a tag in the registry.
  args = { SOURCE_DATE_EPOCH = "0" }
}

# The media types are given because their default differs between versions of BuildKit (OCI since 0.31), and the digest
# of an image depends on them.
function "output" {
  params = [image]
  result = [
    OUTPUT == "push" ? "type=image,push=true,oci-mediatypes=true" :
    OUTPUT == "digest" ? "type=image,push=false,store=false,oci-mediatypes=true" :
    OUTPUT == "layout" ? "type=oci,tar=false,oci-mediatypes=true,dest=${OUTPUTS}/${image}" :
    "type=docker,oci-mediatypes=true"
  ]
}

function "repository" {
  params = [image]
  result = REGISTRY == "" ? image : "${REGISTRY}/${ENVIRONMENT}-${image}-lambda"
}

# A push sets only the tag `latest`. The task sets the tag of the commit afterwards, and only if no other image has it.
function "tags" {
  params = [image]
  result = concat(["${repository(image)}:latest"], OUTPUT == "push" ? [] : ["${repository(image)}:${COMMIT}"])
}

# Each image has its own cache, because images that share a cache overwrite each other's layers. `ignore-error`: a cache
# that cannot be written fails no build.
function "cache_from" {
  params = [image]
  result = (
    CACHE == "registry" ? ["type=registry,ref=${repository(image)}:buildcache"] :
    CACHE == "gha" ? ["type=gha,scope=${image}"] :
    CACHE == "local" ? ["type=local,src=${CACHE_DIR}/${image}"] : []
  )
}

function "cache_to" {
  params = [image]
  result = OUTPUT != "push" ? [] : (
    CACHE == "registry" ? ["type=registry,ref=${repository(image)}:buildcache,mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"] :
    CACHE == "gha" ? ["type=gha,scope=${image},mode=max,ignore-error=true"] :
    CACHE == "local" ? ["type=local,dest=${CACHE_DIR}/${image},mode=max,ignore-error=true"] : []
  )
}
