# What the streams tell CloudWatch: a function of `feeds` writes a line for each stream, with metrics in it
# (src/lambdas/sse_streaming/report.py). Like the tables, the dashboard and the alarm stand here: a deploy never touches
# them, so a job needs no permission for them.
locals {
  streams = { for image in local.feeds : image => "${var.environment}-${image}" }

  # The metrics of the line; each has the dimension FunctionName.
  stream_metrics = {
    for image, name in local.streams : image => {
      for metric in ["FirstEvent", "Duration", "Events", "Bytes"] : metric => ["sse-streaming", metric, "FunctionName", name]
    }
  }
}

resource "aws_cloudwatch_dashboard" "streams" {
  for_each = local.streams

  dashboard_name = "${each.value}-streams"
  dashboard_body = jsonencode({
    widgets = [
      {
        type = "metric", x = 0, y = 0, width = 12, height = 6
        properties = {
          title = "Milliseconds until the first event", region = var.region, period = 300
          metrics = [
            for stat in ["p50", "p99"] : concat(local.stream_metrics[each.key].FirstEvent, [{ stat = stat, label = stat }])
          ]
        }
      },
      {
        type = "metric", x = 12, y = 0, width = 12, height = 6
        properties = {
          title = "Ended streams, events and bytes", region = var.region, period = 300
          metrics = [
            concat(local.stream_metrics[each.key].Duration, [{ stat = "SampleCount", label = "streams" }]),
            concat(local.stream_metrics[each.key].Events, [{ stat = "Sum", label = "events" }]),
            concat(local.stream_metrics[each.key].Bytes, [{ stat = "Sum", label = "bytes", yAxis = "right" }]),
          ]
        }
      },
      {
        type = "metric", x = 0, y = 6, width = 12, height = 6
        properties = {
          title = "Open streams, errors and refused requests", region = var.region, period = 60
          metrics = [
            ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", each.value, { stat = "Maximum" }],
            ["AWS/Lambda", "Errors", "FunctionName", each.value, { stat = "Sum" }],
            ["AWS/Lambda", "Throttles", "FunctionName", each.value, { stat = "Sum" }],
          ]
        }
      },
      {
        type = "log", x = 12, y = 6, width = 12, height = 6
        properties = {
          title = "Why streams ended", region = var.region, view = "table"
          query = "SOURCE '/aws/lambda/${each.value}' | filter ispresent(endReason) | stats count(*) as streams by endReason, version"
        }
      },
    ]
  })
}

# A client waits for its first event. Errors and throttles have alarms in modules/image_function.
resource "aws_cloudwatch_metric_alarm" "first_event" {
  for_each = local.streams

  alarm_name        = "${each.value}-first-event"
  alarm_description = "One stream of a hundred waits more than two seconds for its first event."

  namespace   = "sse-streaming"
  metric_name = "FirstEvent"
  dimensions  = { FunctionName = each.value }

  # Two periods: one slow stream, such as that of a verification, is no alarm.
  extended_statistic  = "p99"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 2000
  treat_missing_data  = "notBreaching"

  alarm_actions = var.alarm_actions
  ok_actions    = var.alarm_actions
}
