"""Ships container images as Lambda functions; does not know where the cloud runs that it talks to.

    tasks.py
       |
    cli  commands   ->   release | terraform | image   ->   context   ->   git tools   ->   aws   ->   process

Each room imports only rooms to its right; `errors settings health progress times clock durations logtext reference
attestation lazy` are open to all. `lint-imports` checks this (pyproject.toml).

    deploy:  guards --+-- image: build -> check -> push -> digest -----------------+
                      +-- terraform: init -> plan with the images of now ----------+
                                                                                   |
       empty: Lambda takes the digest, then the state records it <-----------------+
       not empty: plan with the digest -> apply                  <-----------------+
                                        |
                       new version, published for the commit -> it is verified -> canary
                                                                  | fails: the alias stays, exit 7
       release record <-- URL opened <-- alias `live` moves <--------------------------+
                           | fails: the alias returns

    commands/    one file for each task that takes several steps: deploy promote rollback prune bootstrap diff status
    image/       build with bake, check what Lambda accepts, start it once, push; its SBOM and its provenance
    terraform/   init, plan, apply; the state, its outputs and its lock
    release/     verify a version, shift requests to it, make it live, record it; the history
    aws/         sessions, ECR, the registry's API, Lambda, Function URLs, the stream of a version
    process/     child processes and their environment, interrupts, lanes
    cli/         `@task`, sessions, questions, sentences and tables, GitHub's pages and comment, notifications

Sentences for people are made in cli/, commands for `try:` lines in settings.Environment.command. Effects have one
door each: process/child.py starts processes, aws/session.py imports boto3, clock.py reads the time.
"""

from typing import TYPE_CHECKING

from delivery import lazy

__all__ = ["context", "progress", "settings"]

if TYPE_CHECKING:
    from delivery import context, progress, settings
else:
    __getattr__ = lazy.modules(__name__, __all__)
