"""A cloud on this machine: a Docker engine, an AWS emulator and the base images. Knows nothing of delivery.

    lifecycle    start, stop and status of the whole sandbox: the only module that others need
    engine/      a Docker engine that answers: the user's own, or a private one
    emulator/    the AWS emulator, patched; the only room that uses private names of MiniStack
    base_image/  the images that our Dockerfiles start from: pulled, or made from Debian packages
    debian/      signed Debian packages, fetched and unpacked without changing the system

    layout       the folders and the machine-wide names of one checkout's sandbox
    processes    start, find and end processes; locks between them
    errors       SandboxError and BaseImageError

A room imports only rooms below it: lifecycle -> emulator | base_image -> engine -> debian -> the three modules above.
"""
