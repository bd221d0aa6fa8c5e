"""Remove an environment completely, by API: it also removes what a killed run had made and no Terraform state names.

Not `terraform destroy`: it needs a state, a plan and the end of `prevent_destroy`, and a killed run may have none.
Every name begins with the environment's, which is never used again. The state bucket goes last: while anything is
left, the bucket is left too, and the next run finds it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from support.real.accounts import Account

Find = Callable[[Account, str], Iterator[str]]
Remove = Callable[[Account, str], object]


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its name, how those of one environment are found, and how one of them is removed."""

    name: str
    find: Find
    remove: Remove


def remove(account: Account, environment: str) -> list[str]:
    """Remove everything of that environment; returns what is left, each with its kind and the reason.

    What AWS refuses does not end the removal: everything else is removed, and the bucket stays.
    """
    left: list[str] = []
    for kind in KINDS:
        if kind is KINDS[-1] and left:
            break  # the bucket is the mark of what is left
        try:
            found = list(kind.find(account, environment))
        except (BotoCoreError, ClientError) as error:
            left.append(f"{kind.name}: {error}")
            continue
        for item in found:
            try:
                kind.remove(account, item)
            except (BotoCoreError, ClientError) as error:
                left.append(f"{kind.name} {item}: {error}")
    return left


def remains(account: Account, environment: str) -> list[str]:
    """Everything of that environment that exists: by name, and by the tag that Terraform gives to all it makes.

    The tags of a removed resource disappear some time after it (Resource Groups Tagging API, GetResources).
    """
    named = [f"{kind.name} {item}" for kind in KINDS for item in kind.find(account, environment)]
    return named + [f"tagged {arn}" for arn in _tagged(account, environment)]


def _tagged(account: Account, environment: str) -> Iterator[str]:
    filters = [{"Key": "Environment", "Values": [environment]}]
    pages = account.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=filters)
    yield from (item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"])


def _named(
    account: Account, service: str, operation: str, path: str, **given: Any
) -> Callable[[str], Iterator[dict[str, Any]]]:
    """The items of a listing whose key `path` (LIST.KEY) begins with a text."""
    listing, key = path.split(".")

    def begin_with(start: str) -> Iterator[dict[str, Any]]:
        for page in account.client(service).get_paginator(operation).paginate(**given):
            yield from (item for item in page[listing] if item[key].startswith(start))

    return begin_with


def _functions(account: Account, environment: str) -> Iterator[str]:
    found = _named(account, "lambda", "list_functions", "Functions.FunctionName")(f"{environment}-")
    yield from (item["FunctionName"] for item in found)


def _log_groups(account: Account, environment: str) -> Iterator[str]:
    found = _named(account, "logs", "describe_log_groups", "logGroups.logGroupName")(f"/aws/lambda/{environment}-")
    yield from (item["logGroupName"] for item in found)


def _alarms(account: Account, environment: str) -> Iterator[str]:
    found = _named(account, "cloudwatch", "describe_alarms", "MetricAlarms.AlarmName")(f"{environment}-")
    yield from (item["AlarmName"] for item in found)


def _dashboards(account: Account, environment: str) -> Iterator[str]:
    found = _named(account, "cloudwatch", "list_dashboards", "DashboardEntries.DashboardName")(f"{environment}-")
    yield from (item["DashboardName"] for item in found)


def _tables(account: Account, environment: str) -> Iterator[str]:
    for page in account.client("dynamodb").get_paginator("list_tables").paginate():
        yield from (name for name in page["TableNames"] if name.startswith(f"{environment}-"))


def _roles(account: Account, environment: str) -> Iterator[str]:
    yield from (item["RoleName"] for item in _named(account, "iam", "list_roles", "Roles.RoleName")(f"{environment}-"))


def _delete_role(account: Account, name: str) -> None:
    iam = account.client("iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
    iam.delete_role(RoleName=name)


def _policies(account: Account, environment: str) -> Iterator[str]:
    found = _named(account, "iam", "list_policies", "Policies.PolicyName", Scope="Local")(f"{environment}-")
    yield from (item["Arn"] for item in found)


def _delete_policy(account: Account, arn: str) -> None:
    iam = account.client("iam")
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def _providers(account: Account, environment: str) -> Iterator[str]:
    # The URL is its name, so only its tag says that this environment made it.
    iam = account.client("iam")
    for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        described = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])
        if {"Key": "Environment", "Value": environment} in described.get("Tags", ()):
            yield provider["Arn"]


def _repositories(account: Account, environment: str) -> Iterator[str]:
    found = _named(account, "ecr", "describe_repositories", "repositories.repositoryName")(f"{environment}-")
    yield from (item["repositoryName"] for item in found)


def _buckets(account: Account, environment: str) -> Iterator[str]:
    for bucket in account.client("s3").list_buckets()["Buckets"]:
        if bucket["Name"].startswith(f"{environment}-"):
            yield bucket["Name"]


def _delete_bucket(account: Account, name: str) -> None:
    s3 = account.client("s3")
    while True:  # the first page again and again: what was on it is gone
        page = s3.list_object_versions(Bucket=name)
        held = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in held]
        if not objects or "Errors" in s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True}):
            break
    s3.delete_bucket(Bucket=name)


KINDS = (
    Kind("function", _functions, lambda a, name: a.client("lambda").delete_function(FunctionName=name)),
    Kind("alarm", _alarms, lambda a, name: a.client("cloudwatch").delete_alarms(AlarmNames=[name])),
    Kind("dashboard", _dashboards, lambda a, name: a.client("cloudwatch").delete_dashboards(DashboardNames=[name])),
    Kind("table", _tables, lambda a, name: a.client("dynamodb").delete_table(TableName=name)),
    Kind("role", _roles, _delete_role),
    Kind("log group", _log_groups, lambda a, name: a.client("logs").delete_log_group(logGroupName=name)),
    Kind("policy", _policies, _delete_policy),
    Kind(
        "OIDC provider",
        _providers,
        lambda a, arn: a.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn),
    ),
    Kind(
        "repository",
        _repositories,
        lambda a, name: a.client("ecr").delete_repository(repositoryName=name, force=True),
    ),
    Kind("bucket", _buckets, _delete_bucket),
)
"""In the order of their removal: a role after its function, its log group after the last entry, the bucket last."""
