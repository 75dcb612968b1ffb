source("scripts/helper.R")
# wget would do as well
if (!require("vcfR")) install.packages("vcfR")
writeLines(call(snakemake@input[[1]]), snakemake@output[[1]])
