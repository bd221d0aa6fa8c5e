# Made where `signers` asks for it. The policy of the key names the role by its ARN, because the role names the key.
module "signing_key" {
  source = "../modules/signing_key"
  count  = length(var.signers) == 0 ? 0 : 1

  environment        = local.environment
  signer_arn         = "arn:${data.aws_partition.current.partition}:iam::${var.account}:role/ci/${var.environment}-signer"
  verifying_accounts = var.verifying_accounts
}
