locals {
  alarms = {
    Errors    = "An invocation of the live version ended in an error."
    Throttles = "Lambda refused an invocation: more at once than its limit, or the account's."
  }
}

resource "aws_cloudwatch_metric_alarm" "live" {
  for_each = local.alarms

  alarm_name        = "${local.full_name}-${lower(each.key)}"
  alarm_description = each.value

  namespace   = "AWS/Lambda"
  metric_name = each.key
  # Only the alias: a version that fails its verification serves nobody, so it must not raise an alarm.
  dimensions = {
    FunctionName = aws_lambda_function.this.function_name
    Resource     = "${aws_lambda_function.this.function_name}:${local.alias}"
  }

  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = var.common.alarm_actions
  ok_actions    = var.common.alarm_actions
}
