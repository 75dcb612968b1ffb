def title(sample):
    return f"sample {sample.upper()}"
