"""Run as a script before a task's command: it becomes the command, in a session of its own.

cwltool starts commands in the engine's session, in which a task's processes could not be ended
together.
"""

import os
import sys

if __name__ == "__main__":
    os.setsid()
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)  # what a shell says of a command that it does not find
