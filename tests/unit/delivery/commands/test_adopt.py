"""What exists in AWS gets import blocks; what cannot be adopted is named, and nothing in AWS is changed."""

import json

import pytest
from support.aws import FakeEcr, FakeLambda
from support.world import NAME, world

from delivery.cli import report
from delivery.commands import adopt, deployed
from delivery.errors import ConfigurationError, RefusedError
from delivery.terraform import adoption

FUNCTION = "sandbox-sse-streaming"
SERVICE, FOUNDATION = (f"infrastructure/{stack}/adopted.tf" for stack in ("service", "foundation"))
MAIN = 'locals {\n  functions = {\n    "sse-streaming" = module.sse_streaming\n  }\n}\n'
BLOCK = 'module "sse_streaming" {\n  source = "../modules/image_function"\n\n  name = "sse-streaming"\n  URL\n}\n'
GITHUB = 'github_repository = "acme/shop"\n'


def account(root, url='url  = { auth_type = "AWS_IAM" }', main=MAIN):
    """A project whose states are empty, and an account with the function, its alias, its URL and its repository."""
    made = world(root)
    for name in ("service", "foundation"):
        (root / "infrastructure" / name).mkdir(parents=True)
    (root / "infrastructure/service/main.tf").write_text(main)
    (root / "infrastructure/service/sse_streaming.tf").write_text(BLOCK.replace("URL", url))
    made.aws.s3.objects.clear()
    made.aws.functions = FakeLambda(name=FUNCTION)
    made.aws.logs.entries[FUNCTION] = []
    return made


def typed(made):
    """Type `bootstrap --adopt`; returns what was printed."""
    found = adopt.find(made.run, ("sse-streaming",))
    adopt.write(made.run.settings.root, found)
    lines = report.adoption_lines(found)
    adopt.require_all(found)
    return lines


def test_what_exists_gets_import_blocks_and_the_commands_to_type_next(tmp_path):
    made = account(tmp_path)
    assert typed(made) == (
        "= adopt sse-streaming function",
        "= adopt sse-streaming alias",
        "= adopt sse-streaming url",
        "= adopt sse-streaming log-group",
        f"= adopt repository {NAME}",
        f"wrote {SERVICE}",
        "next:",
        f"  git add {SERVICE} && git commit --message 'Adopt what sandbox has'",
        "  ./dev invoke bootstrap --env sandbox",
        "  ./dev invoke deploy --env sandbox",
    )
    text = (tmp_path / SERVICE).read_text()
    assert "to       = module.sse_streaming.aws_lambda_function.this\n" in text
    assert 'id       = "${var.environment}-sse-streaming/live"' in text
    assert 'id       = "/aws/lambda/${var.environment}-sse-streaming"' in text
    # Terraform refuses an import into a resource that its configuration does not have yet.
    assert 'contains(local.adopts, "sse-streaming alias") && contains(keys(var.live_versions), "sse-streaming")' in text
    assert made.aws.s3.called("create_bucket") == []


def test_a_second_run_changes_nothing(tmp_path):
    made = account(tmp_path)
    typed(made)
    before = (tmp_path / SERVICE).stat().st_mtime_ns
    lines = typed(made)
    assert f"unchanged: {SERVICE}" in lines
    assert (tmp_path / SERVICE).stat().st_mtime_ns == before


def test_an_account_without_any_of_it_has_nothing_to_adopt(tmp_path):
    made = account(tmp_path)
    made.aws.functions.package_type, made.aws.functions.live, made.aws.functions.has_url = "", "", False
    made.aws.logs.entries.clear()
    made.aws.ecr = FakeEcr()
    assert typed(made) == ("sandbox: nothing to adopt; nothing was written.",)
    assert not (tmp_path / SERVICE).exists()


def test_what_the_states_contain_is_not_adopted_again(tmp_path):
    made = account(tmp_path)
    resources = [
        ("module.sse_streaming", "aws_lambda_function", "this", {}),
        ("module.sse_streaming", "aws_lambda_alias", "live", {"index_key": 0}),
        ("module.sse_streaming", "aws_lambda_function_url", "live", {"index_key": 0}),
        ("module.sse_streaming", "aws_cloudwatch_log_group", "this", {}),
        ('module.image_repository["sse-streaming"]', "aws_ecr_repository", "this", {}),
    ]
    rows = [
        {"module": module, "mode": "managed", "type": kind, "name": name, "instances": [{**index, "attributes": {}}]}
        for module, kind, name, index in resources
    ]
    made.aws.s3.objects |= dict.fromkeys(
        ("service.tfstate", "foundation.tfstate"), json.dumps({"version": 4, "outputs": {}, "resources": rows})
    )
    assert typed(made) == ("sandbox: nothing to adopt; nothing was written.",)


def test_the_blocks_of_another_environment_stay(tmp_path):
    made = account(tmp_path)
    modules = {"sse-streaming": "module.sse_streaming"}
    before = {"prod": ("sse-streaming role", "gone function")}
    (tmp_path / SERVICE).write_text(adoption.render(before, modules))
    typed(made)
    text = (tmp_path / SERVICE).read_text()
    assert '    "prod"    = ["sse-streaming role"]\n' in text
    assert "gone" not in text
    assert text.count("import {") == 5


def test_a_file_of_that_name_with_another_content_is_not_written(tmp_path):
    made = account(tmp_path)
    (tmp_path / SERVICE).write_text("# mine\n")
    with pytest.raises(ConfigurationError, match=r"infrastructure/service/adopted\.tf is not the file"):
        typed(made)
    assert (tmp_path / SERVICE).read_text() == "# mine\n"


def test_a_function_of_the_package_type_zip_is_named_and_the_rest_is_adopted(tmp_path):
    made = account(tmp_path)
    made.aws.functions.package_type = "Zip"
    with pytest.raises(RefusedError, match="cannot adopt: 1") as caught:
        typed(made)
    assert f"The function {FUNCTION} has the package type Zip" in caught.value.why
    assert '"sandbox" = ["sse-streaming log-group"]' in (tmp_path / SERVICE).read_text()


def test_a_repository_with_another_encryption_is_named(tmp_path):
    made = account(tmp_path)
    made.aws.ecr.encryption = "KMS"
    with pytest.raises(RefusedError) as caught:
        typed(made)
    assert f"The repository {NAME} is encrypted with KMS" in caught.value.why


@pytest.mark.parametrize(("path", "adopted"), [("/functions/sandbox/", True), ("/service-role/", False)])
def test_a_role_is_adopted_if_it_has_the_path_of_functions(tmp_path, path, adopted):
    made = account(tmp_path)
    made.aws.iam.roles[FUNCTION] = path
    if adopted:
        assert "= adopt sse-streaming role" in typed(made)
        return
    with pytest.raises(RefusedError) as caught:
        typed(made)
    assert f"The role {FUNCTION} has the path /service-role/, not /functions/sandbox/" in caught.value.why


@pytest.mark.parametrize("url", ["", "url  = null"])
def test_a_url_that_no_block_has_stays_as_it_is(tmp_path, url):
    lines = typed(account(tmp_path, url))
    assert f"? The URL of {FUNCTION}:live stays as it is: the block module.sse_streaming has no `url`." in lines
    assert "= adopt sse-streaming url" not in lines


def test_a_function_without_a_module_block_stays_as_it_is(tmp_path):
    lines = typed(account(tmp_path, main="locals {\n  functions = {\n  }\n}\n"))
    assert f"? The function {FUNCTION} stays as it is: no module block runs sse-streaming." in lines
    assert not (tmp_path / SERVICE).exists()


@pytest.mark.parametrize(
    ("clients", "tags", "reason"),
    [
        (["sts.amazonaws.com"], {}, ""),
        (["sts.amazonaws.com"], {"Environment": "sandbox"}, ""),
        (["sts.amazonaws.com"], {"Environment": "prod"}, "GitHub's OIDC provider belongs to prod."),
        (["sts.amazonaws.com", "acme"], {}, "GitHub's OIDC provider has other clients (sts.amazonaws.com, acme)."),
    ],
)
def test_the_oidc_provider_is_adopted_unless_others_use_it(tmp_path, clients, tags, reason):
    made = account(tmp_path)
    (tmp_path / "infrastructure/foundation/sandbox.tfvars").write_text(GITHUB)
    made.aws.iam.clients, made.aws.iam.tags = clients, tags
    if not reason:
        assert f"wrote {FOUNDATION}" in typed(made)
        assert f"to       = {adoption.PROVIDER_ADDRESS}\n" in (tmp_path / FOUNDATION).read_text()
        return
    with pytest.raises(RefusedError) as caught:
        typed(made)
    assert reason in caught.value.why
    assert "create_oidc_provider = false into infrastructure/foundation/sandbox.tfvars" in caught.value.why


@pytest.mark.parametrize("values", ["", "# " + GITHUB, f"{GITHUB}create_oidc_provider = false\n"])
def test_an_environment_that_makes_no_oidc_provider_adopts_none(tmp_path, values):
    made = account(tmp_path)
    (tmp_path / "infrastructure/foundation/sandbox.tfvars").write_text(values)
    made.aws.iam.clients = ["sts.amazonaws.com"]
    typed(made)
    assert made.aws.iam.calls == [("get_role", {"RoleName": FUNCTION})]


def test_a_deploy_knows_the_alias_of_a_function_that_it_adopts(tmp_path):
    made = account(tmp_path)
    typed(made)
    now = deployed.read(made.run)
    assert now["sse-streaming"].function.name == FUNCTION
    assert now["sse-streaming"].alias.version == "1"
    assert now["sse-streaming"].image is None, "only Terraform can give it an image"
