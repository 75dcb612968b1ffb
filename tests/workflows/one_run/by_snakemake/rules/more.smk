rule more:
    output: "out/more.txt"
    run:
        from pathlib import Path
        Path(output[0]).write_text(config["greeting"])

rule lambda_param:
    input: "out/run.txt"
    output: "out/perl.txt"
    params: call=lambda wildcards, input: len(input)
    run:
        open(output[0], "w").write(f"{params.call}")
