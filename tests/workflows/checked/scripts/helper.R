call <- function(path) readLines(path)
