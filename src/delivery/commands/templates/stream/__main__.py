"""Starts the function in its image."""

from template_name import app, runtime

runtime.run(app.events)
