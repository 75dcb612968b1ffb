#!/usr/bin/env bash
exec 2> "${snakemake_log[0]}"
echo "to the log" >&2
{
  echo "${snakemake_input[0]} ${snakemake_input[named]} ${snakemake_params[word]}"
  echo "${snakemake_params[number]} ${snakemake[rule]} ${snakemake[threads]}"
  cat "${snakemake_input[named]}"
} > "${snakemake_output[0]}"
