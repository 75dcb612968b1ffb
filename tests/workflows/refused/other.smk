rule unprintable:
    output: "unprintable.txt"
    shell: "{config[tool]} > {output}"
