rule no_image:
    output: "no_image.txt"
    shell: "echo > {output}"
