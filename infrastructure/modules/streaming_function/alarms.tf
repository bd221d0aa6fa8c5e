locals {
  alarms = {
    Errors    = "Invocations of the live version ended in an error."
    Throttles = "Invocations were refused: more streams at once than the account's concurrency."
  }
}

resource "aws_cloudwatch_metric_alarm" "live" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${lower(each.key)}"
  alarm_description = each.value

  namespace   = "AWS/Lambda"
  metric_name = each.key
  # The alias alone: a version that fails its verification serves nobody and must wake nobody.
  dimensions = {
    FunctionName = aws_lambda_function.this.function_name
    Resource     = "${aws_lambda_function.this.function_name}:${aws_lambda_alias.live.name}"
  }

  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = var.alarm_actions
  ok_actions    = var.alarm_actions
}
