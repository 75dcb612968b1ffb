WORD = f"module {config['list'][0]}"

rule module_rule:
    output: "out/module_rule.txt"
    run:
        open(output[0], "w").write(f"{WORD} {config['list']}")
