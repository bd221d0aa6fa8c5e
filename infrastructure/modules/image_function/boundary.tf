# What the boundary does not allow, no policy of the function can: its calls would be refused at run time. So the plan
# compares both. An action counts as allowed if one statement of the boundary has it, its resource, and no condition
# that the function's statement lacks. https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
data "aws_iam_policy" "boundary" {
  count = local.inline || length(var.policies.managed) > 0 ? 1 : 0
  arn   = var.common.permissions_boundary
}

data "aws_iam_policy" "managed" {
  for_each = var.policies.managed
  arn      = each.value
}

locals {
  documents = {
    boundary = data.aws_iam_policy.boundary[*].policy
    function = concat(
      data.aws_iam_policy_document.permissions[*].json,
      [for managed in data.aws_iam_policy.managed : managed.policy],
    )
  }
  # One value, or a list of them, in a policy document.
  allowed = {
    for owner, documents in local.documents : owner => flatten([
      for document in documents : [
        for statement in flatten([try(jsondecode(document).Statement, [])]) : {
          actions   = [for action in flatten([try(statement.Action, [])]) : action]
          resources = [for resource in flatten([try(statement.Resource, [])]) : resource]
          conditions = merge([
            for test, keys in try(statement.Condition, {}) : {
              for key, values in keys : "${test} ${key}" => join(" ", sort(flatten([values])))
            }
          ]...)
        } if statement.Effect == "Allow"
      ]
    ])
  }
  # As regular expressions: `*` is any text, `?` one character. A wildcard that the function asks for is never `?`.
  patterns = [
    for statement in local.allowed.boundary : {
      conditions = statement.conditions
      actions = [
        for text in statement.actions :
        "^${replace(replace(replace(lower(text), "/([.+^(){}|\\[\\]\\\\$])/", "\\$1"), "*", ".*"), "?", "[^*]")}$"
      ]
      resources = [
        for text in statement.resources :
        "^${replace(replace(replace(text, "/([.+^(){}|\\[\\]\\\\$])/", "\\$1"), "*", ".*"), "?", "[^*]")}$"
      ]
    }
  ]
  missing = flatten([
    for statement in local.allowed.function : [
      for action in statement.actions : [
        for resource in statement.resources : { action = action, resource = resource, conditions = statement.conditions }
        if !anytrue([
          for pattern in local.patterns :
          anytrue([for text in pattern.actions : can(regex(text, lower(action)))])
          && anytrue([for text in pattern.resources : can(regex(text, resource))])
          && alltrue([for key, value in pattern.conditions : lookup(statement.conditions, key, null) == value])
        ])
      ]
    ]
  ])
  refused = [
    for each in local.missing :
    join(" if ", concat(["${each.action} on ${each.resource}"], [for key, value in each.conditions : "${key} ${value}"]))
  ]
  # Without the account, which stands in invoke.yaml only.
  account     = split(":", var.common.permissions_boundary)[4]
  by_resource = { for each in local.missing : replace(each.resource, ":${local.account}:", ":{account}:") => each.action... }
  additions = [
    for resource, actions in local.by_resource :
    "{ actions = ${jsonencode(sort(distinct(actions)))}, resources = [${jsonencode(resource)}] },"
  ]
}
