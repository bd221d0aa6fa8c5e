# The role that signs, in the account that trusts the signatures. The jobs that build images take it beside the role of
# their own environment, whose account may be another one. The policy of the key allows kms:Sign to this role alone.
locals {
  signers = length(local.trusted.signer) > 0 ? 1 : 0
}

data "aws_iam_policy_document" "signing" {
  count = local.signers

  # A push looks for a valid signature before it makes one.
  statement {
    sid       = "SignAndVerify"
    actions   = ["kms:GetPublicKey", "kms:Sign", "kms:Verify"]
    resources = [var.signing_key_arn]
  }
}

resource "aws_iam_role" "signer" {
  count = local.signers

  name                 = "${var.environment.name}-signer"
  path                 = "/ci/"
  description          = "Signs the images of ${var.github.repository} for ${var.environment.name}."
  assume_role_policy   = data.aws_iam_policy_document.trust["signer"].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "signing" {
  count = local.signers

  name   = "signing"
  role   = aws_iam_role.signer[0].id
  policy = data.aws_iam_policy_document.signing[0].json
}
