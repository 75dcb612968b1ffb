def extra(wildcards, threads):
    return f"--quality {config['quality']} --name {wildcards.sample!r} --threads {threads}"
