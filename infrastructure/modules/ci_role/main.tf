data "aws_partition" "current" {}

# The path keeps this role out of `role/functions/<environment>/`, the roles that its own policy lets it change.
resource "aws_iam_role" "this" {
  name                 = "${var.environment.name}-delivery"
  path                 = "/ci/"
  description          = "Deploys ${var.environment.name} from ${var.github.repository}."
  assume_role_policy   = data.aws_iam_policy_document.trust["delivery"].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "delivery" {
  name   = "delivery"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.delivery.json
}
