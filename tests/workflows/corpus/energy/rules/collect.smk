TITLES = {name: name.title() for name in config["run"]["name"]}

rule table:
    input:
        expand(rules.summarise.output[0], run=config["run"]["name"], clusters=2),
    output:
        "results/table.md",
    run:
        from _helpers import update

        merged = update({"a": {"b": 1}}, {"a": {"c": 2}})
        Path(output[0]).write_text(f"{TITLES} {merged} {len(input)}\n")
        shell("cat {input} | stub table - >> {output}")

rule page:
    input:
        template="templates/index.html",
        table="results/table.md",
    output:
        "results/index.html",
    params:
        title="Costs & loads",
    template_engine:
        "jinja2"
