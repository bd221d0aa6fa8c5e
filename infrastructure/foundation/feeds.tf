# The tables of events. They stand here and not in infrastructure/service: a deploy never touches them, so a job needs no
# permission for DynamoDB, and no plan of a deploy takes longer. Without the image, there is no table.
locals {
  feeds = setintersection(var.feeds, var.images)
  tables = {
    for image in local.feeds :
    image => "arn:${data.aws_partition.current.partition}:dynamodb:${var.region}:${var.account}:table/${var.environment}-${image}-events"
  }
}

# One feed: `feed` is "main", and `seq` is 1, 2, 3, ... A writer adds the next number if nobody else has (a conditional
# put), and then sets when the event before it expires. So the newest event stays, and no number is used twice.
resource "aws_dynamodb_table" "events" {
  for_each = local.feeds

  name         = "${var.environment}-${each.key}-events"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "feed"
  range_key    = "seq"

  attribute {
    name = "feed"
    type = "S"
  }

  attribute {
    name = "seq"
    type = "N"
  }

  ttl {
    enabled        = true
    attribute_name = "expires"
  }
}

# What `invoke publish` calls. A person gets it: attach it to the role or permission set of those who publish.
data "aws_iam_policy_document" "publish" {
  for_each = local.feeds

  statement {
    sid       = "WriteEvents"
    actions   = ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    resources = [local.tables[each.key]]
  }

  statement {
    sid       = "FindTheTable"
    actions   = ["lambda:GetFunctionConfiguration"]
    resources = ["arn:${data.aws_partition.current.partition}:lambda:${var.region}:${var.account}:function:${var.environment}-${each.key}:*"]
  }

  statement {
    sid       = "ReadState"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.state.arn}/service.tfstate"]
  }

  dynamic "statement" {
    for_each = var.state_kms_key == "" ? [] : [var.state_kms_key]

    content {
      sid       = "DecryptState"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_policy" "publish" {
  for_each = local.feeds

  name        = "${var.environment}-${each.key}-publish"
  description = "Lets a person publish events to ${var.environment}-${each.key} with invoke publish."
  policy      = data.aws_iam_policy_document.publish[each.key].json
}
