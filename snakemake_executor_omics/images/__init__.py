"""Conda environments as images and as folders of this machine, and what is asked of all images."""
