"""`--only` names functions: repeated, or as a list with commas."""

import pytest

from delivery.aws.function import Function
from delivery.commands import selection
from delivery.errors import ConfigurationError

DEPLOYED = tuple(Function(image, f"prod-{image}", "live", "") for image in ("orders", "stream", "users"))


@pytest.mark.parametrize(
    ("options", "names"),
    [(None, ()), ([], ()), (["orders"], ("orders",)), (["orders", "users,orders"], ("orders", "users"))],
)
def test_only_is_repeated_or_a_list(options, names):
    assert selection.parse(options) == names


@pytest.mark.parametrize("option", ["", ",", "orders,", " "])
def test_an_empty_name_is_refused(option):
    with pytest.raises(ConfigurationError, match="empty name"):
        selection.parse([option])


def test_without_only_all_functions_are_chosen():
    assert selection.functions(DEPLOYED, ()) == DEPLOYED


def test_the_named_functions_are_chosen():
    assert [each.image for each in selection.functions(DEPLOYED, ("users", "orders"))] == ["orders", "users"]


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError, match="Unknown function: payments") as caught:
        selection.functions(DEPLOYED, ("orders", "payments"))
    assert caught.value.why == "Deployed are: orders, stream, users"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("typed", "near"), [("order", "orders"), ("strem", "stream"), ("payments", "orders")])
def test_the_nearest_name_is_what_to_type(typed, near):
    with pytest.raises(ConfigurationError) as caught:
        selection.functions(DEPLOYED, (typed,))
    assert caught.value.hint == f"--only {near}"


def test_a_retired_function_is_no_target_of_the_bake_file_any_more():
    with pytest.raises(ConfigurationError, match="Unknown function: retired") as caught:
        selection.images(("orders", "users"), ("retired",))
    assert caught.value.why == "The targets of docker-bake.hcl are: orders, users"
