version 1.1

workflow snakemake {
  input {
    File data_A_fq_f9c6e1fc
  }

  call trim_A_f44eef {
    input: inputs = [data_A_fq_f9c6e1fc]
  }
  call count_2f2f7d {
    input: inputs = [trim_A_f44eef.files[0]]
  }

  output {
    Array[File] trim_A_f44eef_files = trim_A_f44eef.files
    Array[File?] trim_A_f44eef_logs = trim_A_f44eef.logs
    Array[File] count_2f2f7d_files = count_2f2f7d.files
  }
}

task count_2f2f7d {
  input {
    Array[File] inputs
  }

  command <<<
set -euo pipefail
# A task may have none of these.
if [ -z "${USER-}" ]; then
  while IFS=: read -r USER _ id _ && [ "$id" != $EUID ]; do :; done 2> /dev/null < /etc/passwd || :
  [ "${id-}" = $EUID ] || USER=$EUID
fi
export HOME="${HOME:-/tmp}" USER TMPDIR="${TMPDIR:-/tmp}"
export {TMP,TEMP,TEMPDIR}="$TMPDIR"
mkdir -p -- .omics results
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(inputs)}
OMICS_LIST
inputs=(results/A.fq)
n=0
while IFS= read -r file; do
  path=${inputs[n++]}
  ln -sf -- "$file" "$path"
done < "$listed"
export {OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1
IFS= read -rd '' command <<'OMICS_JOB' || true
set -euo pipefail; wc -l results/A.fq > counts.txt
OMICS_JOB
printf %s "$command" > .omics/job
bash .omics/job || exit $?
files=(counts.txt done)
for path in done; do [ -e "$path" ] || : > "$path"; done
broken=0
for path in "${files[@]}"; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  elif [ -L "$path" ]; then  # no link can be an output
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
[ "$broken" -eq 0 ] || exit 1
tools=
for path in "${files[@]}"; do [ ! -x "$path" ] || tools+=$path$'\n'; done
[ -z "$tools" ] || printf %s "$tools" > .omics/executables
printf '%s\n' "${files[@]}" ${tools:+.omics/executables} > .omics/files
  >>>

  output {
    Array[File] files = read_lines(".omics/files")
  }

  runtime {
    container: "debian:12"
    cpu: 1
    memory: "~{ceil(2.0 * size(inputs, "MB"))} MB"
  }
}

task trim_A_f44eef {
  input {
    Array[File] inputs
  }

  command <<<
set -euo pipefail
# A task may have none of these.
if [ -z "${USER-}" ]; then
  while IFS=: read -r USER _ id _ && [ "$id" != $EUID ]; do :; done 2> /dev/null < /etc/passwd || :
  [ "${id-}" = $EUID ] || USER=$EUID
fi
export HOME="${HOME:-/tmp}" USER TMPDIR="${TMPDIR:-/tmp}"
export {TMP,TEMP,TEMPDIR}="$TMPDIR"
mkdir -p -- .omics data benchmarks logs results
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(inputs)}
OMICS_LIST
inputs=(data/A.fq)
n=0
while IFS= read -r file; do
  path=${inputs[n++]}
  ln -sf -- "$file" "$path"
done < "$listed"

# The end of a failed job's log: marked, as others write too, and cut before the service does.
print_log() {
  printf '=== log %s %s ===\n' "$1" "${3-$2}"
  tail -c 1000000 -- "$2" 2> /dev/null | {
    LC_ALL=C
    count=0
    while IFS= read -r line || [ -n "$line" ]; do
      for (( ; ${#line} > 8000; ++count )); do
        printf '[log %s+] %s\n' "$1" "${line:0:8000}"
        line=${line:8000}
      done
      printf '[log %s] %s\n' "$1" "$line"
      (( ++count ))
    done
    printf '=== end of log %s: %s lines ===\n' "$1" "$count"
  } || true
}
export {OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS=2 VECLIB_MAXIMUM_THREADS=2
logs=(logs/A.log)
now() { local time=${EPOCHREALTIME:-$(date +%s).000000}; printf '%s' "${time/[.,]/}"; }
printf 's\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n' \
  > benchmarks/A.tsv
for OMICS_REPEAT in 0; do
export OMICS_REPEAT
started=$(now)
status=0
bash -c 'set -euo pipefail; cutadapt -o results/A.fq data/A.fq 2> logs/A.log' || status=$?
elapsed=$(( ($(now) - started) / 100 ))
seconds=$(( elapsed / 10000 ))
{
  printf '%d.%04d\t%d:%02d:%02d' "$seconds" $(( elapsed % 10000 )) \
    $(( seconds / 3600 )) $(( seconds / 60 % 60 )) $(( seconds % 60 ))
  printf '\tNA%.0s' 1 2 3 4 5 6 7 8
  printf '\n'
} >> benchmarks/A.tsv
[ "$status" -eq 0 ] || break
done
if [ "$status" -ne 0 ]; then
  print_log 1.1 "${logs[0]}" >&2
  exit "$status"
fi
files=(results/A.fq benchmarks/A.tsv)
for path in "${logs[@]}"; do [ -e "$path" ] || : > "$path"; done
broken=0
for path in "${files[@]}" "${logs[@]}"; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  elif [ -L "$path" ]; then  # no link can be an output
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
[ "$broken" -eq 0 ] || exit 1
tools=
for path in "${files[@]}"; do [ ! -x "$path" ] || tools+=$path$'\n'; done
[ -z "$tools" ] || printf %s "$tools" > .omics/executables
printf '%s\n' "${files[@]}" ${tools:+.omics/executables} > .omics/files
  >>>

  output {
    Array[File] files = read_lines(".omics/files")
    Array[File?] logs = ["logs/A.log"]
  }

  runtime {
    container: "quay.io/biocontainers/cutadapt:4.9"
    cpu: 2
    memory: "2000 MB"
    omicsTimeout: 600  # !UnknownRuntimeKey
  }
}
