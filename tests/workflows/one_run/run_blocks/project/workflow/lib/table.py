WORDS = {"x": "ex"}
