import sys

from helper import twice

print(twice(open(sys.argv[1]).read().strip()))
