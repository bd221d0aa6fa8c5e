# Which images exist and how they are built. A second Lambda is one more target here.
# The variables are set by the tasks; `docker buildx bake --print` shows the result.

variable "REGISTRY" { default = "" }
variable "ENVIRONMENT" { default = "local" }
variable "COMMIT" { default = "unknown" }
variable "PLATFORM" { default = "linux/amd64" }
# load into the local engine, push, or archive: a file for each image in ARCHIVES, with the manifest that a push makes
variable "OUTPUT" { default = "load" }
variable "ARCHIVES" { default = "." }
# registry, gha, local or none
variable "CACHE" { default = "none" }
variable "CACHE_DIR" { default = ".deploy/cache" }
# Behind a private mirror or a TLS-inspecting proxy: a CA bundle for the RUN steps.
variable "CA_BUNDLE" { default = "" }
variable "SOURCE_DATE_EPOCH" { default = "0" }

group "default" {
  targets = ["sse-streaming"]
}

target "sse-streaming" {
  inherits   = ["_common"]
  context    = "src/lambdas/sse_streaming"
  tags       = tags("sse-streaming")
  cache-from = cache_from("sse-streaming")
  cache-to   = cache_to("sse-streaming")
  output     = output("sse-streaming")
}

target "_common" {
  platforms = [PLATFORM]
  # An attestation turns the push into an index, which Lambda refuses; provenance is on unless it is disabled.
  attest  = ["type=provenance,disabled=true", "type=sbom,disabled=true"]
  secret  = CA_BUNDLE == "" ? [] : ["id=ca,src=${CA_BUNDLE}"]
  args = {
    COMMIT            = COMMIT
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH
  }
}

function "output" {
  params = [image]
  result = [
    OUTPUT == "push" ? "type=image,push=true" :
    OUTPUT == "archive" ? "type=docker,dest=${ARCHIVES}/${image}.tar" : "type=docker"
  ]
}

function "repository" {
  params = [image]
  result = REGISTRY == "" ? image : "${REGISTRY}/${ENVIRONMENT}-${image}-lambda"
}

# A push moves `latest` alone: the tag of a commit is claimed afterwards, so that no push takes it from another image.
function "tags" {
  params = [image]
  result = concat(["${repository(image)}:latest"], OUTPUT == "push" ? [] : ["${repository(image)}:${COMMIT}"])
}

# One cache per image: images that share one overwrite each other's.
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
    CACHE == "registry" ? ["type=registry,ref=${repository(image)}:buildcache,mode=max,image-manifest=true,oci-mediatypes=true"] :
    CACHE == "gha" ? ["type=gha,scope=${image},mode=max"] :
    CACHE == "local" ? ["type=local,dest=${CACHE_DIR}/${image},mode=max"] : []
  )
}
