# `requires.signed_by`: a deploy and a promotion verify signatures. KMS asks for the ARN of a key, whatever the request
# names. An alias does not say it, so a key that is named by its alias means the keys of that account and region; the
# policy of each key still decides who may use it.
locals {
  own_keys = "${local.arn}:kms:${local.here}:key"
  verification_keys = distinct(concat(
    local.signers == 1 ? [var.signing_key_arn] : [],
    [
      for name in sort(var.verification_keys) : startswith(name, "arn:")
      ? replace(name, "/:alias/.*$/", ":key/*")
      : "${local.own_keys}/${startswith(name, "alias/") ? "*" : name}"
    ],
  ))
}

data "aws_iam_policy_document" "verification" {
  count = local.signers + length(var.verification_keys) > 0 ? 1 : 0

  statement {
    sid       = "VerifySignatures"
    actions   = ["kms:GetPublicKey", "kms:Verify"]
    resources = local.verification_keys
  }
}

resource "aws_iam_role_policy" "verification" {
  count = length(data.aws_iam_policy_document.verification)

  name   = "verification"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.verification[0].json
}
