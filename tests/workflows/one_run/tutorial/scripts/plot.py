with open(snakemake.input[0]) as calls, open(snakemake.output[0], "w") as plot:
    for line in calls:
        if not line.startswith("#"):
            plot.write("*" * len(line.split()[0]) + "\n")
