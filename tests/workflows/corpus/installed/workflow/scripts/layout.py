def framed(lines):
    return "".join(f"| {line}\n" for line in lines)
