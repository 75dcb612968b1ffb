log <- file(snakemake@log[[1]], open = "wt")
sink(log, type = "message")
source(file.path(snakemake@scriptdir, "common.R"))

counts <- read.delim(snakemake@input[["counts"]])
numbers <- counts[, -1]
counts[, -1] <- round(sweep(as.matrix(numbers), 2, colSums(numbers), "/"), 4)
write_table(counts, snakemake@output[["table"]])
lines <- c(
    snakemake@params[["model"]],
    paste(names(snakemake@params[["levels"]]), collapse = " "),
    paste(snakemake@params[["flag"]], is.null(snakemake@params[["nothing"]])),
    paste(snakemake@rule, snakemake@threads),
    paste(snakemake@config[["contrasts"]][["treated_vs_control"]], collapse = ",")
)
writeLines(lines, snakemake@output[["rds"]])
