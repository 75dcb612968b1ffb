arguments <- commandArgs(trailingOnly = TRUE)
script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))
write_table(data.frame(file = arguments[-1], size = file.size(arguments[-1])), arguments[1])
