def joined(words):
    return "|".join(words)
