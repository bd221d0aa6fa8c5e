"""The images that our Dockerfiles start from.

images       pull each image, or make it, and load it into the engine
dockerfile   the image references in a Dockerfile
python       the files of python:3.13-slim, made from Debian packages
oci          an image of one layer, the same bytes from the same files
"""
