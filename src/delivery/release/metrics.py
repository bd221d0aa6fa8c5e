"""CloudWatch: failures, requests and durations of one version of a function, and the states of alarms."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from delivery import clock
from delivery.aws.function import Version
from delivery.aws.session import Aws

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricStatTypeDef

# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html, "Invocation metrics"
_METRICS = ("Errors", "Throttles")


def failures(aws: Aws, deployed: Version, since: datetime) -> Mapping[str, int]:
    """The number of failures of this version behind the alias, by metric; only metrics above 0. Raises CloudError.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html: `ExecutedVersion` separates the two
    versions of a weighted alias. Lambda sends metrics once a minute, after an invocation has ended.
    """
    read = _read(aws, deployed, since, {name.lower(): _query(deployed, deployed.version, name) for name in _METRICS})
    return {name: count for name in _METRICS if (count := int(sum(read[name.lower()])))}


def requests(aws: Aws, deployed: Version, since: datetime) -> int:
    """The number of requests that this version has had behind the alias. Raises CloudError."""
    read = _read(aws, deployed, since, {"requests": _query(deployed, deployed.version, "Invocations")})
    return int(sum(read["requests"]))


def slowest(aws: Aws, deployed: Version, old: str, since: datetime) -> tuple[Sequence[float], Sequence[float]]:
    """The p99 of the durations of each minute in ms: of this version, and of the version `old`. Raises CloudError.

    CloudWatch gives no single durations, only statistics for a minute; a minute without a request has none.
    """
    queries = {"new": deployed.version, "old": old}
    read = _read(
        aws, deployed, since, {name: _query(deployed, version, "Duration", "p99") for name, version in queries.items()}
    )
    return read["new"], read["old"]


def alarms(aws: Aws, names: Sequence[str]) -> Mapping[str, str]:
    """The state of each alarm that exists: OK, ALARM or INSUFFICIENT_DATA. `names`: at most 100. Raises CloudError."""
    with aws.explained(f"read the alarms {', '.join(names)}"):
        answer = aws.cloudwatch.describe_alarms(
            AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=len(names)
        )
    found = (*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ()))
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}


def _query(deployed: Version, version: str, name: str, statistic: str = "Sum") -> "MetricStatTypeDef":
    dimensions = {
        "FunctionName": deployed.name,
        "Resource": f"{deployed.name}:{deployed.alias}",
        "ExecutedVersion": version,
    }
    return {
        "Metric": {
            "Namespace": "AWS/Lambda",
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        },
        "Period": 60,
        "Stat": statistic,
    }


def _read(
    aws: Aws, deployed: Version, since: datetime, named: "Mapping[str, MetricStatTypeDef]"
) -> Mapping[str, Sequence[float]]:
    queries: list[MetricDataQueryTypeDef] = [{"Id": name, "MetricStat": query} for name, query in named.items()]
    with aws.explained(f"read the metrics of {deployed.name}:{deployed.alias}"):
        answer = aws.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=since, EndTime=clock.now())
    return {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
