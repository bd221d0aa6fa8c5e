"""Signed Debian packages, fetched and unpacked without changing the system.

packages   fetch a set of packages and unpack them
apt        the text of the private apt's configuration; runs nothing
"""
