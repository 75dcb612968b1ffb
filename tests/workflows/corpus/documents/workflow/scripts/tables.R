total <- function(path) sum(read.delim(path)$count)
