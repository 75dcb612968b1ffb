version 1.1

workflow snakemake {
  input {
    File call_py_6dfa1b0d
    File data_A_fq_f9c6e1fc
    File ref_fa_39cfda07
  }

  call pack_trim_2_89bf77f2be {
    input: inputs_1 = [data_A_fq_f9c6e1fc], inputs_2 = [data_A_fq_f9c6e1fc]
  }
  call pack_call_2_80dec08c1b {
    input: inputs_1 = if (length(select_all([pack_trim_2_89bf77f2be.files_1])) == 1) then [select_first([pack_trim_2_89bf77f2be.files_1])[0], ref_fa_39cfda07] else None, sources_1 = [call_py_6dfa1b0d], modes_1 = if (length(select_all([pack_trim_2_89bf77f2be.files_1])) == 1) then flatten([if (length(select_first([pack_trim_2_89bf77f2be.files_1])) > 1) then [select_first([pack_trim_2_89bf77f2be.files_1])[1]] else []]) else None, inputs_2 = if (length(select_all([pack_trim_2_89bf77f2be.files_2])) == 1) then [select_first([pack_trim_2_89bf77f2be.files_2])[0], ref_fa_39cfda07] else None, sources_2 = [call_py_6dfa1b0d], modes_2 = if (length(select_all([pack_trim_2_89bf77f2be.files_2])) == 1) then flatten([if (length(select_first([pack_trim_2_89bf77f2be.files_2])) > 1) then [select_first([pack_trim_2_89bf77f2be.files_2])[1]] else []]) else None
  }
  if (length(select_all([pack_call_2_80dec08c1b.files_1, pack_call_2_80dec08c1b.files_2])) == 2) {
    call count_2f2f7d {
      input: inputs = [select_first([pack_call_2_80dec08c1b.files_1])[0], select_first([pack_call_2_80dec08c1b.files_2])[0]]
    }
  }

  output {
    Array[File]? trim_68e26c_files = pack_trim_2_89bf77f2be.files_1
    Array[File?] trim_68e26c_logs = pack_trim_2_89bf77f2be.logs_1
    Int trim_68e26c_code = pack_trim_2_89bf77f2be.code_1
    Int trim_68e26c_seconds = pack_trim_2_89bf77f2be.seconds_1
    Array[File]? trim_870cad_files = pack_trim_2_89bf77f2be.files_2
    Array[File?] trim_870cad_logs = pack_trim_2_89bf77f2be.logs_2
    Int trim_870cad_code = pack_trim_2_89bf77f2be.code_2
    Int trim_870cad_seconds = pack_trim_2_89bf77f2be.seconds_2
    Array[File]? call_20c545_files = if (defined(pack_call_2_80dec08c1b.files_1)) then [] else None
    Array[File]? call_20c545_temporary = if (defined(pack_call_2_80dec08c1b.files_1) && length(select_all([count_2f2f7d.files])) < 1) then flatten([[select_first([pack_call_2_80dec08c1b.files_1])[0]], if (length(select_first([pack_call_2_80dec08c1b.files_1])) > 1) then [select_first([pack_call_2_80dec08c1b.files_1])[1]] else []]) else None
    Int call_20c545_code = pack_call_2_80dec08c1b.code_1
    Int call_20c545_seconds = pack_call_2_80dec08c1b.seconds_1
    Array[File]? call_938ce7_files = if (defined(pack_call_2_80dec08c1b.files_2)) then [] else None
    Array[File]? call_938ce7_temporary = if (defined(pack_call_2_80dec08c1b.files_2) && length(select_all([count_2f2f7d.files])) < 1) then flatten([[select_first([pack_call_2_80dec08c1b.files_2])[0]], if (length(select_first([pack_call_2_80dec08c1b.files_2])) > 1) then [select_first([pack_call_2_80dec08c1b.files_2])[1]] else []]) else None
    Int call_938ce7_code = pack_call_2_80dec08c1b.code_2
    Int call_938ce7_seconds = pack_call_2_80dec08c1b.seconds_2
    Array[File]? count_2f2f7d_files = count_2f2f7d.files
  }
}

task pack_call_2_80dec08c1b {
  input {
    Array[File]? inputs_1
    Array[File] sources_1
    Array[File]? modes_1
    Array[File]? inputs_2
    Array[File] sources_2
    Array[File]? modes_2
  }

  command <<<
# 2 jobs: call
pack=$PWD
exec 1>&2  # what jobs print stays between the lines that tell of their begin and end

job_1() (
cd 1
# rule call
# A failure is told by this file: it would end the run otherwise.
code_file=$PWD/.omics_code
trap 'echo "$?" > "$code_file"; exit 0' EXIT
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
~{write_lines(select_first([inputs_1, []]))}
OMICS_LIST
inputs=(a.fq ref.fa)
n=0
while IFS= read -r file; do
  path=${inputs[n++]}
  ln -sf -- "$file" "$path"
done < "$listed"
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(sources_1)}
OMICS_LIST
inputs=(call.py)
n=0
while IFS= read -r file; do
  path=${inputs[n++]}
  cp -- "$file" "$path"; chmod u+w -- "$path"
done < "$listed"
# What an earlier task made executable may be run here.
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(select_first([modes_1, []]))}
OMICS_LIST
while IFS= read -r list; do
  while IFS= read -r path; do
    if [ -f "$path" ]; then
      cp -- "$path" .omics/program
      chmod u+wx .omics/program
      mv -f -- .omics/program "$path"
    fi
  done < "$list"
done < "$listed"
export {OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1
IFS= read -rd '' command <<'OMICS_JOB' || true

OMICS_JOB
printf %s "$command" > .omics/job
bash .omics/job || exit $?
files=(a.vcf)
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
printf '%s\n' 1/a.vcf ${tools:+1/.omics/executables} > .omics/files
)

job_2() (
cd 2
# rule call
# A failure is told by this file: it would end the run otherwise.
code_file=$PWD/.omics_code
trap 'echo "$?" > "$code_file"; exit 0' EXIT
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
~{write_lines(select_first([inputs_2, []]))}
OMICS_LIST
inputs=(b.fq ref.fa)
n=0
while IFS= read -r file; do
  path=${inputs[n++]}
  ln -sf -- "$file" "$path"
done < "$listed"
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(sources_2)}
OMICS_LIST
inputs=(call.py)
n=0
while IFS= read -r file; do
  path=${inputs[n++]}
  cp -- "$file" "$path"; chmod u+w -- "$path"
done < "$listed"
# What an earlier task made executable may be run here.
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(select_first([modes_2, []]))}
OMICS_LIST
while IFS= read -r list; do
  while IFS= read -r path; do
    if [ -f "$path" ]; then
      cp -- "$path" .omics/program
      chmod u+wx .omics/program
      mv -f -- .omics/program "$path"
    fi
  done < "$list"
done < "$listed"
export {OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1
IFS= read -rd '' command <<'OMICS_JOB' || true

OMICS_JOB
printf %s "$command" > .omics/job
bash .omics/job || exit $?
files=(b.vcf)
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
printf '%s\n' 2/b.vcf ${tools:+2/.omics/executables} > .omics/files
)

# Run a job if its files are there and the jobs of this task that it reads from have succeeded.
# Its exit code is kept in a file; -1 is that of one that did not run for their sake, -2 of one that
# is left to another task, as this one has worked for longer than short jobs do.
run() {
  local number=$1 code=0 began=$SECONDS earlier
  mkdir -p "$number"
  [ "$2" = true ] || code=-1
  shift 2
  for earlier in "$@"; do
    [ "$(cat "$earlier"/.omics_code)" -eq 0 ] || code=-1
  done
  if [ "$code" -eq 0 ]; then
    printf '=== job %s ===\n' "$number"
    echo 137 > "$number"/.omics_code  # of one that is killed and cannot tell
    "job_$number" < /dev/null
    read -r code < "$number"/.omics_code
    printf '=== end of job %s: exit code %s ===\n' "$number" "$code"
  else
    echo "$code" > "$number"/.omics_code
  fi
  echo "$(( SECONDS - began ))" > "$number"/.omics_seconds
}
run 1 ~{if defined(inputs_1) then "true" else "false"}
run 2 ~{if defined(inputs_2) then "true" else "false"}
  >>>

  output {
    Int code_1 = read_int("1/.omics_code")
    Int seconds_1 = read_int("1/.omics_seconds")
    Array[File]? files_1 = if (code_1 == 0) then read_lines("1/.omics/files") else None
    Int code_2 = read_int("2/.omics_code")
    Int seconds_2 = read_int("2/.omics_seconds")
    Array[File]? files_2 = if (code_2 == 0) then read_lines("2/.omics/files") else None
  }

  runtime {
    container: "debian:12"
    cpu: 1
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
mkdir -p -- .omics
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(inputs)}
OMICS_LIST
inputs=(a.vcf b.vcf)
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

task pack_trim_2_89bf77f2be {
  input {
    Array[File] inputs_1
    Array[File] inputs_2
  }

  command <<<
# 2 jobs: trim
pack=$PWD
exec 1>&2  # what jobs print stays between the lines that tell of their begin and end

job_1() (
cd 1
# rule trim
# A failure is told by this file: it would end the run otherwise.
code_file=$PWD/.omics_code
trap 'echo "$?" > "$code_file"; exit 0' EXIT
set -euo pipefail
# A task may have none of these.
if [ -z "${USER-}" ]; then
  while IFS=: read -r USER _ id _ && [ "$id" != $EUID ]; do :; done 2> /dev/null < /etc/passwd || :
  [ "${id-}" = $EUID ] || USER=$EUID
fi
export HOME="${HOME:-/tmp}" USER TMPDIR="${TMPDIR:-/tmp}"
export {TMP,TEMP,TEMPDIR}="$TMPDIR"
mkdir -p -- .omics data
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(inputs_1)}
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
export {OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1
IFS= read -rd '' command <<'OMICS_JOB' || true

OMICS_JOB
printf %s "$command" > .omics/job
logs=(a.log)
bash .omics/job || {
  status=$?
  print_log 1.1 "${logs[0]}" >&2
  exit "$status"
}
files=(a.fq)
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
printf '%s\n' 1/a.fq ${tools:+1/.omics/executables} > .omics/files
)

job_2() (
cd 2
# rule trim
# A failure is told by this file: it would end the run otherwise.
code_file=$PWD/.omics_code
trap 'echo "$?" > "$code_file"; exit 0' EXIT
set -euo pipefail
# A task may have none of these.
if [ -z "${USER-}" ]; then
  while IFS=: read -r USER _ id _ && [ "$id" != $EUID ]; do :; done 2> /dev/null < /etc/passwd || :
  [ "${id-}" = $EUID ] || USER=$EUID
fi
export HOME="${HOME:-/tmp}" USER TMPDIR="${TMPDIR:-/tmp}"
export {TMP,TEMP,TEMPDIR}="$TMPDIR"
mkdir -p -- .omics data
IFS= read -r listed <<'OMICS_LIST'
~{write_lines(inputs_2)}
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
export {OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1
IFS= read -rd '' command <<'OMICS_JOB' || true

OMICS_JOB
printf %s "$command" > .omics/job
logs=(b.log)
bash .omics/job || {
  status=$?
  print_log 1.1 "${logs[0]}" >&2
  exit "$status"
}
files=(b.fq)
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
printf '%s\n' 2/b.fq ${tools:+2/.omics/executables} > .omics/files
)

# Run a job if its files are there and the jobs of this task that it reads from have succeeded.
# Its exit code is kept in a file; -1 is that of one that did not run for their sake, -2 of one that
# is left to another task, as this one has worked for longer than short jobs do.
run() {
  local number=$1 code=0 began=$SECONDS earlier
  mkdir -p "$number"
  [ "$2" = true ] || code=-1
  shift 2
  for earlier in "$@"; do
    [ "$(cat "$earlier"/.omics_code)" -eq 0 ] || code=-1
  done
  if [ "$code" -eq 0 ]; then
    printf '=== job %s ===\n' "$number"
    echo 137 > "$number"/.omics_code  # of one that is killed and cannot tell
    "job_$number" < /dev/null
    read -r code < "$number"/.omics_code
    printf '=== end of job %s: exit code %s ===\n' "$number" "$code"
  else
    echo "$code" > "$number"/.omics_code
  fi
  echo "$(( SECONDS - began ))" > "$number"/.omics_seconds
}
run 1 true
run 2 true
  >>>

  output {
    Int code_1 = read_int("1/.omics_code")
    Int seconds_1 = read_int("1/.omics_seconds")
    Array[File]? files_1 = if (code_1 == 0) then read_lines("1/.omics/files") else None
    Array[File?] logs_1 = ["1/a.log"]
    Int code_2 = read_int("2/.omics_code")
    Int seconds_2 = read_int("2/.omics_seconds")
    Array[File]? files_2 = if (code_2 == 0) then read_lines("2/.omics/files") else None
    Array[File?] logs_2 = ["2/b.log"]
  }

  runtime {
    container: "quay.io/biocontainers/cutadapt:4.9"
    cpu: 2
    memory: "2000 MB"
    omicsTimeout: 1200  # !UnknownRuntimeKey
  }
}
