#!/usr/bin/env bash
exec 2> "${snakemake_log[0]}"
set -x
cut -f 2 "${snakemake_input[first]}" | sorter - > "${snakemake_output[0]}"
printf '%s|%s\n' "${snakemake_params[label]}" "${snakemake[threads]}" >> "${snakemake_output[0]}"
