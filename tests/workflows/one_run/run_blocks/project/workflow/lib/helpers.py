from table import WORDS


def shout(x):
    return WORDS[x].upper()
