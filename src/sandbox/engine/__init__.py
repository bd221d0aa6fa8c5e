"""A Docker engine that answers.

choice    the user's own engine if it is good for the job, else a private one
own       the engine the user already has
private   an engine of the sandbox's own: start, stop, state
dockerd   the private engine's programs, configuration and command line
network   the private engine's bridge
client    the value `Engine`, and the client configuration behind its variables
"""
