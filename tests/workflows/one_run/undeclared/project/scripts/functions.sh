said() { echo "said"; }
