#!/usr/bin/env python3
import os
import sys

from parts import joined

print(joined(sys.argv[1:]), os.environ["AUGUR_RECURSION_LIMIT"])
print(open(sys.argv[-1]).read())
