HEAD = ("file", "digest")
