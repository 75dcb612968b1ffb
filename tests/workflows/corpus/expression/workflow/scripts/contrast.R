source(snakemake@input[["common"]])
lines <- readLines(snakemake@input[["rds"]])
write_table(
    data.frame(line = c(lines, snakemake@params[["levels"]], snakemake@wildcards[["contrast"]])),
    snakemake@output[[1]]
)
