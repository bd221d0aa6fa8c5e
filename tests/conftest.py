"""Options of pytest."""


def pytest_addoption(parser):
    """Add the option that rewrites the golden file of messages."""
    parser.addoption("--update-messages", action="store_true", help="write tests/unit/messages.txt again")
