"""A second image is one bake target and one module instance: no line of Python, none of the workflow."""

import re
import subprocess

import pytest
from support.deploys.checkout import REPOSITORY

TARGET = """
target "ticker" {
  inherits   = ["_common"]
  context    = "tests/integration/second"
  tags       = tags("ticker")
  cache-from = cache_from("ticker")
  cache-to   = cache_to("ticker")
  output     = output("ticker")
}
"""
MODULE = """
module "ticker" {
  source = "../modules/streaming_function"

  environment          = var.environment
  name                 = "${var.environment}-ticker"
  image_uri            = var.images["ticker"]
  live_version         = lookup(var.live_versions, "ticker", "")
  settings             = merge(local.settings, { memory_mb = 128, timeout_seconds = 60, heartbeat_seconds = 1 })
  permissions_boundary = local.permissions_boundary
}
"""
MAIN = "infrastructure/service/main.tf"


@pytest.fixture(scope="module")
def both(deployed):
    """The deployed clone, with a second image; back to one afterwards."""
    checkout, _ = deployed
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout.root, check=True, capture_output=True, text=True)
    checkout.edit("docker-bake.hcl", 'targets = ["sse-streaming"]', 'targets = ["sse-streaming", "ticker"]')
    checkout.edit(MAIN, "= module.sse_streaming\n", '= module.sse_streaming\n    "ticker" = module.ticker\n')
    for name, block in (("docker-bake.hcl", TARGET), (MAIN, MODULE)):
        (checkout.root / name).write_text((checkout.root / name).read_text() + block)
    checkout.commit("a second image")
    yield checkout, checkout.invoke("deploy", "--env", "sandbox")
    checkout.restore(head.stdout.strip())
    back = checkout.invoke("deploy", "--env", "sandbox")
    assert back.code == 0, back.text


def test_one_deploy_builds_both_at_once_verifies_both_and_makes_both_live(both):
    checkout, outcome = both
    assert outcome.code == 0, outcome.text
    assert re.search(r"✓ bootstrap .* 3 to create", outcome.text), outcome.text
    assert len(re.findall(r"^✓ push", outcome.text, re.MULTILINE)) == 1
    assert len(re.findall(r"^✓ verify", outcome.text, re.MULTILINE)) == 2
    functions = checkout.client("lambda")
    for name, repository in (("sse-streaming", REPOSITORY), ("ticker", "sandbox-ticker-lambda")):
        details = checkout.client("ecr").describe_images(repositoryName=repository)["imageDetails"]
        tags = {tag: detail["imageDigest"] for detail in details for tag in detail.get("imageTags", [])}
        live = functions.get_function(FunctionName=f"sandbox-{name}", Qualifier="live")["Code"]["ImageUri"]
        assert live.endswith(f"@{tags['latest']}")


def test_every_task_knows_both(both):
    checkout, _ = both
    verified = checkout.invoke("verify", "--env", "sandbox")
    assert verified.code == 0, verified.text
    assert {"sse-streaming", "ticker"} <= set(re.findall(r"^✓ verify +(\S+)", verified.text, re.MULTILINE))
    named = checkout.invoke("verify", "--env", "sandbox", "--only", "ticker")
    assert re.findall(r"^✓ verify +(\S+)", named.text, re.MULTILINE) == ["ticker"], named.text
