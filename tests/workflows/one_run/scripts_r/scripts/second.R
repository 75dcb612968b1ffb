writeLines(rev(readLines(snakemake@input[[1]])), snakemake@output[[1]])
