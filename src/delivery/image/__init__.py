"""The image: build, check, push."""
