def greeting():
    return config["greeting"]
