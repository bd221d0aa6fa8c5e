# The key that signs the SBOM and the provenance of images. It is in the account that must trust the signatures, so that
# an administrator of the account where images are built cannot sign. cosign verifies with it too: docs/supply-chain.md.
data "aws_partition" "current" {}

locals {
  arn = "arn:${data.aws_partition.current.partition}"
}

resource "aws_kms_key" "this" {
  description              = "Signs images for ${var.environment.name}."
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  policy                   = data.aws_iam_policy_document.key.json
  deletion_window_in_days  = 30
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.environment.name}-images"
  target_key_id = aws_kms_key.this.key_id
}

# A policy of IAM allows nothing that this policy does not allow. The principals are accounts, and not roles: KMS refuses
# a policy with a role that does not exist yet, and a role that is made again would not be the one that is named.
data "aws_iam_policy_document" "key" {
  # Everything but the use of the key. Who may do this decides who signs, and CloudTrail records it.
  statement {
    sid = "AdministerByPoliciesOfIam"
    actions = [
      "kms:CancelKeyDeletion",
      "kms:CreateAlias",
      "kms:DeleteAlias",
      "kms:DescribeKey",
      "kms:DisableKey",
      "kms:EnableKey",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListAliases",
      "kms:ListKeyPolicies",
      "kms:ListResourceTags",
      "kms:PutKeyPolicy",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["${local.arn}:iam::${var.environment.account}:root"]
    }
  }

  statement {
    sid       = "SignAsOneRole"
    actions   = ["kms:Sign"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["${local.arn}:iam::${var.environment.account}:root"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [var.signer_arn]
    }
  }

  # The public key is no secret.
  statement {
    sid       = "VerifyByPoliciesOfIam"
    actions   = ["kms:GetPublicKey", "kms:Verify"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [for account in setunion([var.environment.account], var.verifying_accounts) : "${local.arn}:iam::${account}:root"]
    }
  }
}
