"""The files of runs on this side: digests, archives, uploads, downloads, their places."""
