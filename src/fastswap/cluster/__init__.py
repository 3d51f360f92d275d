"""Segments on other machines: the workers of a Ray cluster do what processes of this machine do in `segments.pool`."""
