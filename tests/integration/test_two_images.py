"""A second image is one bake target and one module instance: no line of Python, none of the workflow.

The second function has no URL. Its permissions and its triggers are the examples of docs/functions.md.
"""

import json
import re

import pytest
from support import pages
from support.deploys.checkout import PROJECT, REPOSITORY

TARGET = """
target "ticker" {
  inherits   = ["_common"]
  context    = "tests/integration/second"
  labels = {
    "lambda.health" = jsonencode({
      stream = "/", first = "hello", events = 3, query = { events = "3", interval = "0.1" }
    })
  }
  tags       = tags("ticker")
  cache-from = cache_from("ticker")
  cache-to   = cache_to("ticker")
  output     = output("ticker")
}
"""
MODULE = """
module "ticker" {
  source = "../modules/image_function"
  common = local.common

  name                 = "ticker"
  memory_mb            = 128
  timeout_seconds      = 60
  ephemeral_storage_mb = 1024
  tracing              = "Active"
  variables            = { TABLE = "orders" }
  secrets              = { PASSWORD = "arn:aws:ssm:${var.region}:${var.account}:parameter/${var.environment}/password" }
  policies = {
    managed = ["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"]
    statements = [{
      actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = ["arn:aws:sqs:${var.region}:${var.account}:${var.environment}-orders"]
    }]
  }
}
"""
MAIN = "infrastructure/service/main.tf"
PERMISSIONS, *TRIGGERS = [
    block.text for block in pages.blocks(PROJECT / "docs/functions.md") if block.words == ("hcl", "run")
]


@pytest.fixture(scope="module")
def both(deployed):
    """The deployed clone, with a second image that has permissions and triggers; back to one afterwards.

    Yields the clone, a plan before the boundary allowed the permissions, and the deploy.
    """
    checkout, _ = deployed
    head = checkout.head()
    checkout.edit("docker-bake.hcl", 'targets = ["sse-streaming"]', 'targets = ["sse-streaming", "ticker"]')
    checkout.edit(MAIN, "= module.sse_streaming\n", '= module.sse_streaming\n    "ticker" = module.ticker\n')
    for name, block in (("docker-bake.hcl", TARGET), (MAIN, MODULE)):
        (checkout.root / name).write_text((checkout.root / name).read_text() + block)
    checkout.commit("a second image")
    refused = checkout.invoke("tf-plan", "--env", "sandbox")
    (checkout.root / MAIN).with_name("triggers.tf").write_text(
        "".join(TRIGGERS).replace("module.worker", "module.ticker")
    )
    with (checkout.root / "infrastructure/foundation/sandbox.tfvars").open("a") as file:
        file.write(f"\n{PERMISSIONS}")
    checkout.commit("its permissions and its triggers")
    bootstrap = checkout.invoke("bootstrap", "--env", "sandbox")
    assert bootstrap.code == 0, bootstrap.text
    yield checkout, refused, checkout.invoke("deploy", "--env", "sandbox")
    checkout.restore(head)
    back = checkout.invoke("deploy", "--env", "sandbox")
    assert back.code == 0, back.text


def test_what_the_boundary_would_cut_off_is_refused_with_the_lines_to_add(both):
    _, refused, _ = both
    assert refused.code == 2, refused.text
    assert "sqs:ReceiveMessage on arn:aws:sqs:us-east-1:000000000000:sandbox-orders" in refused.text
    assert "infrastructure/foundation/sandbox.tfvars" in refused.text
    assert '"sqs:ReceiveMessage"], resources = ["arn:aws:sqs:us-east-1:{account}:sandbox-orders"]' in refused.text


def test_one_deploy_builds_both_at_once_verifies_both_and_makes_both_live(both):
    checkout, _, outcome = both
    assert outcome.code == 0, outcome.text
    assert len(re.findall(r"^✓ push", outcome.text, re.MULTILINE)) == 1
    assert len(re.findall(r"^✓ verify", outcome.text, re.MULTILINE)) == 2
    functions = checkout.client("lambda")
    for name, repository in (("sse-streaming", REPOSITORY), ("ticker", "sandbox-ticker-lambda")):
        details = checkout.client("ecr").describe_images(repositoryName=repository)["imageDetails"]
        tags = {tag: detail["imageDigest"] for detail in details for tag in detail.get("imageTags", [])}
        live = functions.get_function(FunctionName=f"sandbox-{name}", Qualifier="live")["Code"]["ImageUri"]
        assert live.endswith(f"@{tags['latest']}")


def test_every_task_knows_both(both):
    checkout, *_ = both
    verified = checkout.invoke("verify", "--env", "sandbox")
    assert verified.code == 0, verified.text
    assert {"sse-streaming", "ticker"} <= set(re.findall(r"^✓ verify +(\S+)", verified.text, re.MULTILINE))
    named = checkout.invoke("verify", "--env", "sandbox", "--only", "ticker")
    assert re.findall(r"^✓ verify +(\S+)", named.text, re.MULTILINE) == ["ticker"], named.text


def test_the_triggers_of_the_document_name_the_alias_and_a_second_plan_is_empty(both):
    checkout, *_ = both
    (mapping,) = checkout.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    (target,) = checkout.client("events").list_targets_by_rule(Rule="sandbox-order-placed")["Targets"]
    schedule = checkout.client("scheduler").get_schedule(Name="sandbox-worker-nightly")
    for arn in (mapping["FunctionArn"], target["Arn"], schedule["Target"]["Arn"]):
        assert arn == "arn:aws:lambda:us-east-1:000000000000:function:sandbox-ticker:live"
    again = checkout.invoke("tf-plan", "--env", "sandbox")
    assert again.code == 0, again.text
    assert "no changes: the infrastructure is as described" in again.text, again.text


def test_the_function_has_what_its_block_gives_it_and_the_arn_of_its_secret(both):
    checkout, *_ = both
    given = checkout.client("lambda").get_function_configuration(FunctionName="sandbox-ticker", Qualifier="live")
    secret = "arn:aws:ssm:us-east-1:000000000000:parameter/sandbox/password"
    assert given["Environment"]["Variables"] == {"TABLE": "orders", "PASSWORD": secret}
    assert (given["EphemeralStorage"]["Size"], given["TracingConfig"]["Mode"]) == (1024, "Active")
    attached = checkout.client("iam").list_attached_role_policies(RoleName="sandbox-ticker")["AttachedPolicies"]
    assert [each["PolicyName"] for each in attached] == ["AWSXRayDaemonWriteAccess"]
    policy = checkout.client("iam").get_role_policy(RoleName="sandbox-ticker", PolicyName="permissions")
    assert secret in json.dumps(policy["PolicyDocument"])


def test_a_function_without_a_url_says_so(both):
    checkout, _, outcome = both
    assert re.search(r"✓ release +ticker alias live: version 1, no URL", outcome.text), outcome.text
    assert re.search(r"sandbox-ticker: no URL", checkout.invoke("doctor", "--env", "sandbox").text)
