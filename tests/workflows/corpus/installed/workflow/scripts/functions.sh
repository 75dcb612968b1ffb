counted() { printf "%s lines\n" "$(wc -l < "$1")"; }
