sink(file(snakemake@log[[1]], open = "wt"))
print("to the log")
sink()
p <- snakemake@params
writeLines(c(
  snakemake@input[[1]], snakemake@input[["named"]], snakemake@rule, as.character(snakemake@threads),
  as.character(p$number * 2), as.character(p$half), as.character(p$flag), p$text,
  paste(unlist(p$many), collapse = "-"), as.character(p$table$a),
  unlist(snakemake@config$names), as.character(snakemake@resources$mem_mb)
), snakemake@output[[1]])
file.create(snakemake@output[["log"]])
