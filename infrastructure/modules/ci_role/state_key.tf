# With a KMS key, who reads the state must decrypt it, and who writes it gets a data key. The policy of the key itself
# must allow both roles too, or let IAM policies decide: S3 user guide, "Using server-side encryption with AWS KMS keys".
locals {
  key_users = var.state_kms_key == "" ? {} : merge(
    { delivery = { role = aws_iam_role.this.id, actions = ["kms:Decrypt", "kms:GenerateDataKey"] } },
    { for role in aws_iam_role.reader : "reader" => { role = role.id, actions = ["kms:Decrypt"] } },
  )
}

data "aws_iam_policy_document" "state_key" {
  for_each = local.key_users

  statement {
    sid       = "UseStateKey"
    actions   = each.value.actions
    resources = [var.state_kms_key]

    # Through S3 alone: the roles use the key for nothing else.
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.environment.region}.${data.aws_partition.current.dns_suffix}"]
    }
  }
}

resource "aws_iam_role_policy" "state_key" {
  for_each = local.key_users

  name   = "state-key"
  role   = each.value.role
  policy = data.aws_iam_policy_document.state_key[each.key].json
}
