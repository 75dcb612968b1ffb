FROM_INCLUDE = 40

def from_include(value):
    return value + FROM_INCLUDE

rule included:
    output: "out/included.txt"
    run:
        from pathlib import Path
        Path(output[0]).write_text(f"{from_include(1)} {len(SAMPLES)} {config['word']}")
