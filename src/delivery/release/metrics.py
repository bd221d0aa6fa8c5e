"""CloudWatch: what went wrong when one version of a function answered."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from delivery import clock
from delivery.aws.function import Function
from delivery.aws.session import Aws

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html, "Invocation metrics"
_METRICS = ("Errors", "Throttles")


def failures(aws: Aws, target: Function, since: datetime) -> Mapping[str, int]:
    """What went wrong when the alias was answered by this version, by metric. Raises CloudError.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html: `ExecutedVersion` tells apart the two
    versions of a weighted alias. Lambda sends once a minute, and not before the invocation has ended.
    """
    dimensions = {
        "FunctionName": target.name,
        "Resource": f"{target.name}:{target.alias}",
        "ExecutedVersion": target.version,
    }
    queries: list[MetricDataQueryTypeDef] = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for name in _METRICS
    ]
    with aws.explained(f"read the metrics of {target.name}:{target.alias}"):
        answer = aws.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=since, EndTime=clock.now())
    found = {result["Id"]: int(sum(result["Values"])) for result in answer["MetricDataResults"]}
    return {name: count for name in _METRICS if (count := found[name.lower()])}
