"""CloudWatch: the failures of one version of a function."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from delivery import clock
from delivery.aws.function import Version
from delivery.aws.session import Aws

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html, "Invocation metrics"
_METRICS = ("Errors", "Throttles")


def failures(aws: Aws, deployed: Version, since: datetime) -> Mapping[str, int]:
    """The number of failures of this version behind the alias, by metric; only metrics above 0. Raises CloudError.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html: `ExecutedVersion` separates the two
    versions of a weighted alias. Lambda sends metrics once a minute, after an invocation has ended.
    """
    dimensions = {
        "FunctionName": deployed.name,
        "Resource": f"{deployed.name}:{deployed.alias}",
        "ExecutedVersion": deployed.version,
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
    with aws.explained(f"read the metrics of {deployed.name}:{deployed.alias}"):
        answer = aws.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=since, EndTime=clock.now())
    counts = {result["Id"]: int(sum(result["Values"])) for result in answer["MetricDataResults"]}
    return {name: count for name in _METRICS if (count := counts[name.lower()])}
