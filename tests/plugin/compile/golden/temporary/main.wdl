version 1.1

workflow snakemake {
  input {
    File data_fq_71dad4b8
  }

  call map_a40f74 {
    input: inputs = [data_fq_71dad4b8]
  }
  call sort_cf3822 {
    input: inputs = [map_a40f74.files[0]]
  }
  call call_af001c {
    input: inputs = [sort_cf3822.files[0]]
  }

  output {
    Array[File] map_a40f74_files = flatten([[map_a40f74.files[1]], if (length(map_a40f74.files) > 2) then [map_a40f74.files[2]] else []])
    Array[File] sort_cf3822_files = []
    Array[File] call_af001c_files = call_af001c.files
    Array[File?] call_af001c_logs = call_af001c.logs
  }
}

task call_af001c {
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
mkdir -p -- .omics
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(inputs)}
OMICS_LIST
inputs=(sort.bam)
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
export {OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1
IFS= read -rd '' command <<'OMICS_JOB' || true

OMICS_JOB
printf %s "$command" > .omics/job
logs=(call.log)
bash .omics/job || {
  status=$?
  print_log 1.1 "${logs[0]}" >&2
  exit "$status"
}
files=(call.vcf)
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
    Array[File?] logs = ["call.log"]
  }

  runtime {
    container: "debian:12"
    cpu: 1
  }
}

task map_a40f74 {
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
mkdir -p -- .omics
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(inputs)}
OMICS_LIST
inputs=(data.fq)
n=0
while IFS= read -r file; do
  path=${inputs[n++]}
  ln -sf -- "$file" "$path"
done < "$listed"
export {OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1
IFS= read -rd '' command <<'OMICS_JOB' || true

OMICS_JOB
printf %s "$command" > .omics/job
bash .omics/job || exit $?
files=(map.bam map.txt)
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
  }
}

task sort_cf3822 {
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
mkdir -p -- .omics
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(inputs)}
OMICS_LIST
inputs=(map.bam)
n=0
while IFS= read -r file; do
  path=${inputs[n++]}
  ln -sf -- "$file" "$path"
done < "$listed"
export {OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1
IFS= read -rd '' command <<'OMICS_JOB' || true

OMICS_JOB
printf %s "$command" > .omics/job
bash .omics/job || exit $?
files=(sort.bam)
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
  }
}
