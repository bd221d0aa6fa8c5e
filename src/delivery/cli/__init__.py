"""The command line: `@task`, sessions, questions, and the pages that GitHub shows."""
