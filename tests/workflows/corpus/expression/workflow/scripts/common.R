write_table <- function(table, path) {
    write.table(table, path, sep = "\t", quote = FALSE, row.names = FALSE)
}
