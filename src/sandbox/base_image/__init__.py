"""The images that our Dockerfiles start from.

images       pull each image, or make it, and load it into the engine
targets      the Dockerfiles of the bake targets
dockerfile   the image references in a Dockerfile
python       the files of python:3.13-slim, made from Debian packages
dpkg         the packages of that image, as dpkg records them
oci          an image of one layer, the same bytes from the same files
"""
