"""Fakes of S3 and CloudWatch, as strict as those in fakes.py."""

import io

from support.fakes import _Fake, operation, refusal


class FakeS3(_Fake):
    """The state buckets that exist."""

    service = "s3"

    def __init__(self, *buckets):
        super().__init__()
        self.buckets = set(buckets)
        self.objects: dict[str, str] = {}

    @operation
    def get_object(self, Bucket, Key):
        if Bucket not in self.buckets:
            raise refusal("NoSuchBucket", "The specified bucket does not exist")
        if Key not in self.objects:
            raise refusal("NoSuchKey", "The specified key does not exist", "GetObject")
        return {"Body": io.BytesIO(self.objects[Key].encode())}

    @operation
    def head_bucket(self, Bucket):
        if Bucket not in self.buckets:
            raise refusal("404", "Not Found", "HeadBucket")

    @operation
    def create_bucket(self, Bucket, CreateBucketConfiguration=None):
        del CreateBucketConfiguration
        self.buckets.add(Bucket)

    def get_waiter(self, name):
        assert name == "bucket_exists"
        return self

    def wait(self, Bucket):
        assert Bucket in self.buckets


class FakeCloudWatch(_Fake):
    """Metrics: what the next looks get, by the version that was executed and the metric's name."""

    service = "cloudwatch"

    def __init__(self):
        super().__init__()
        self.counts: dict[tuple[str, str], float] = {}

    @operation
    def get_metric_data(self, MetricDataQueries, StartTime, EndTime):
        assert StartTime <= EndTime
        return {"MetricDataResults": [self._result(**query) for query in MetricDataQueries]}

    def _result(self, Id, MetricStat):
        metric = MetricStat["Metric"]
        found = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        assert (found.pop("FunctionName"), found.pop("Resource")) == ("fn", "fn:live")
        assert (metric["Namespace"], MetricStat["Stat"]) == ("AWS/Lambda", "Sum")
        count = self.counts.get((found["ExecutedVersion"], metric["MetricName"]))
        return {"Id": Id, "Values": [] if count is None else [count]}
