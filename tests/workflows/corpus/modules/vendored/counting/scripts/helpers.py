def counted(file, unit, strict, threads):
    lines = [line for line in file if strict or not line.startswith("sorter")]
    return f"{len(lines)} {unit} {threads}\n" + "".join(lines)
