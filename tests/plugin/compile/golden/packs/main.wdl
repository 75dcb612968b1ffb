version 1.1

workflow snakemake {
  input {
    File call_py_6dfa1b0d
    File data_A_fq_f9c6e1fc
    File ref_fa_39cfda07
  }

  call pack_trim_2_66d1644ee8 {
    input: inputs_1 = [data_A_fq_f9c6e1fc], inputs_2 = [data_A_fq_f9c6e1fc]
  }
  call pack_call_2_bbf9579d5d {
    input: inputs_1 = if (length(select_all([pack_trim_2_66d1644ee8.files_1])) == 1) then [select_first([pack_trim_2_66d1644ee8.files_1])[0], ref_fa_39cfda07] else None, sources_1 = [call_py_6dfa1b0d], modes_1 = if (length(select_all([pack_trim_2_66d1644ee8.files_1])) == 1) then flatten([if (length(select_first([pack_trim_2_66d1644ee8.files_1])) > 1) then [select_first([pack_trim_2_66d1644ee8.files_1])[1]] else []]) else None, inputs_2 = if (length(select_all([pack_trim_2_66d1644ee8.files_2])) == 1) then [select_first([pack_trim_2_66d1644ee8.files_2])[0], ref_fa_39cfda07] else None, sources_2 = [call_py_6dfa1b0d], modes_2 = if (length(select_all([pack_trim_2_66d1644ee8.files_2])) == 1) then flatten([if (length(select_first([pack_trim_2_66d1644ee8.files_2])) > 1) then [select_first([pack_trim_2_66d1644ee8.files_2])[1]] else []]) else None
  }
  if (length(select_all([pack_call_2_bbf9579d5d.files_1, pack_call_2_bbf9579d5d.files_2])) == 2) {
    call count_2f2f7dd8c8 {
      input: inputs = [select_first([pack_call_2_bbf9579d5d.files_1])[0], select_first([pack_call_2_bbf9579d5d.files_2])[0]]
    }
  }

  output {
    Array[File]? trim_68e26cd3f9_files = pack_trim_2_66d1644ee8.files_1
    Array[File?] trim_68e26cd3f9_logs = pack_trim_2_66d1644ee8.logs_1
    Int trim_68e26cd3f9_code = pack_trim_2_66d1644ee8.code_1
    Int trim_68e26cd3f9_seconds = pack_trim_2_66d1644ee8.seconds_1
    Array[File]? trim_870cad15c3_files = pack_trim_2_66d1644ee8.files_2
    Array[File?] trim_870cad15c3_logs = pack_trim_2_66d1644ee8.logs_2
    Int trim_870cad15c3_code = pack_trim_2_66d1644ee8.code_2
    Int trim_870cad15c3_seconds = pack_trim_2_66d1644ee8.seconds_2
    Array[File]? call_20c5458a7c_files = if (defined(pack_call_2_bbf9579d5d.files_1)) then [] else None
    Array[File]? call_20c5458a7c_temporary = if (defined(pack_call_2_bbf9579d5d.files_1) && length(select_all([count_2f2f7dd8c8.files])) < 1) then flatten([[select_first([pack_call_2_bbf9579d5d.files_1])[0]], if (length(select_first([pack_call_2_bbf9579d5d.files_1])) > 1) then [select_first([pack_call_2_bbf9579d5d.files_1])[1]] else []]) else None
    Int call_20c5458a7c_code = pack_call_2_bbf9579d5d.code_1
    Int call_20c5458a7c_seconds = pack_call_2_bbf9579d5d.seconds_1
    Array[File]? call_938ce78324_files = if (defined(pack_call_2_bbf9579d5d.files_2)) then [] else None
    Array[File]? call_938ce78324_temporary = if (defined(pack_call_2_bbf9579d5d.files_2) && length(select_all([count_2f2f7dd8c8.files])) < 1) then flatten([[select_first([pack_call_2_bbf9579d5d.files_2])[0]], if (length(select_first([pack_call_2_bbf9579d5d.files_2])) > 1) then [select_first([pack_call_2_bbf9579d5d.files_2])[1]] else []]) else None
    Int call_938ce78324_code = pack_call_2_bbf9579d5d.code_2
    Int call_938ce78324_seconds = pack_call_2_bbf9579d5d.seconds_2
    Array[File]? count_2f2f7dd8c8_files = count_2f2f7dd8c8.files
  }
}

task pack_trim_2_66d1644ee8 {
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
export HOME="${HOME:-/tmp}" USER="${USER:-$(id -un 2> /dev/null || id -u)}" TMPDIR="${TMPDIR:-/tmp}"
export TMP="$TMPDIR" TEMP="$TMPDIR" TEMPDIR="$TMPDIR"
mkdir -p .omics
IFS= read -r listed <<'OMICS_JOB_LIST'
~{write_lines(inputs_1)}
OMICS_JOB_LIST
while IFS= read -r file <&3 && IFS= read -r line <&4; do
  path=${line#* }
  case $path in */*) mkdir -p -- "${path%/*}" ;; esac
  case $line in
    link\ *) ln -sf -- "$file" "$path" ;;
  esac
done 3< "$listed" 4<<'OMICS_JOB_PATHS'
link data/A.fq
OMICS_JOB_PATHS

# The end of a failed job's log file, for who restores it: each line is marked, since others write
# meanwhile, and long ones are cut before the service does.
print_log() {
  printf '=== log %s %s ===\n' "$1" "$3"
  tail -c 1000000 -- "$2" 2> /dev/null | {
    LC_ALL=C
    count=0
    while IFS= read -r line || [ -n "$line" ]; do
      while [ "${#line}" -gt 8000 ]; do
        printf '[log %s+] %s\n' "$1" "${line:0:8000}"
        line=${line:8000}
        count=$(( count + 1 ))
      done
      printf '[log %s] %s\n' "$1" "$line"
      count=$(( count + 1 ))
    done
    printf '=== end of log %s: %s lines ===\n' "$1" "$count"
  } || true
}
export OMP_NUM_THREADS=1
export GOTO_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
cat > .omics/job <<'OMICS_JOB'

OMICS_JOB
status=0
bash .omics/job || status=$?
if [ "$status" -ne 0 ]; then
  print_log 1.1 a.log a.log >&2
  exit "$status"
fi
# The engine takes no link for an output.
for path in a.fq a.log; do
  if [ -L "$path" ] && [ -e "$path" ]; then
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
touch -- a.log
broken=0
for path in a.fq; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  fi
done
[ "$broken" -eq 0 ] || exit 1
for path in a.fq; do
  if [ -x "$path" ]; then
    printf '%s\n' "$path" >> .omics/executables
  fi
done
)

job_2() (
cd 2
# rule trim
# A failure is told by this file: it would end the run otherwise.
code_file=$PWD/.omics_code
trap 'echo "$?" > "$code_file"; exit 0' EXIT
set -euo pipefail
# A task may have none of these.
export HOME="${HOME:-/tmp}" USER="${USER:-$(id -un 2> /dev/null || id -u)}" TMPDIR="${TMPDIR:-/tmp}"
export TMP="$TMPDIR" TEMP="$TMPDIR" TEMPDIR="$TMPDIR"
mkdir -p .omics
IFS= read -r listed <<'OMICS_JOB_LIST'
~{write_lines(inputs_2)}
OMICS_JOB_LIST
while IFS= read -r file <&3 && IFS= read -r line <&4; do
  path=${line#* }
  case $path in */*) mkdir -p -- "${path%/*}" ;; esac
  case $line in
    link\ *) ln -sf -- "$file" "$path" ;;
  esac
done 3< "$listed" 4<<'OMICS_JOB_PATHS'
link data/A.fq
OMICS_JOB_PATHS

# The end of a failed job's log file, for who restores it: each line is marked, since others write
# meanwhile, and long ones are cut before the service does.
print_log() {
  printf '=== log %s %s ===\n' "$1" "$3"
  tail -c 1000000 -- "$2" 2> /dev/null | {
    LC_ALL=C
    count=0
    while IFS= read -r line || [ -n "$line" ]; do
      while [ "${#line}" -gt 8000 ]; do
        printf '[log %s+] %s\n' "$1" "${line:0:8000}"
        line=${line:8000}
        count=$(( count + 1 ))
      done
      printf '[log %s] %s\n' "$1" "$line"
      count=$(( count + 1 ))
    done
    printf '=== end of log %s: %s lines ===\n' "$1" "$count"
  } || true
}
export OMP_NUM_THREADS=1
export GOTO_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
cat > .omics/job <<'OMICS_JOB'

OMICS_JOB
status=0
bash .omics/job || status=$?
if [ "$status" -ne 0 ]; then
  print_log 1.1 b.log b.log >&2
  exit "$status"
fi
# The engine takes no link for an output.
for path in b.fq b.log; do
  if [ -L "$path" ] && [ -e "$path" ]; then
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
touch -- b.log
broken=0
for path in b.fq; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  fi
done
[ "$broken" -eq 0 ] || exit 1
for path in b.fq; do
  if [ -x "$path" ]; then
    printf '%s\n' "$path" >> .omics/executables
  fi
done
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
    Array[File]? files_1 = if (code_1 == 0) then flatten([["1/a.fq"], glob("1/.omics/executables")]) else None
    Array[File?] logs_1 = ["1/a.log"]
    Int code_2 = read_int("2/.omics_code")
    Int seconds_2 = read_int("2/.omics_seconds")
    Array[File]? files_2 = if (code_2 == 0) then flatten([["2/b.fq"], glob("2/.omics/executables")]) else None
    Array[File?] logs_2 = ["2/b.log"]
  }

  runtime {
    container: "quay.io/biocontainers/cutadapt:4.9"
    cpu: 2
    memory: "2000 MB"
    omicsTimeout: 1200  # !UnknownRuntimeKey
  }
}

task pack_call_2_bbf9579d5d {
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
export HOME="${HOME:-/tmp}" USER="${USER:-$(id -un 2> /dev/null || id -u)}" TMPDIR="${TMPDIR:-/tmp}"
export TMP="$TMPDIR" TEMP="$TMPDIR" TEMPDIR="$TMPDIR"
mkdir -p .omics
IFS= read -r listed <<'OMICS_JOB_LIST'
~{write_lines(select_first([inputs_1, []]))}
OMICS_JOB_LIST
while IFS= read -r file <&3 && IFS= read -r line <&4; do
  path=${line#* }
  case $path in */*) mkdir -p -- "${path%/*}" ;; esac
  case $line in
    link\ *) ln -sf -- "$file" "$path" ;;
  esac
done 3< "$listed" 4<<'OMICS_JOB_PATHS'
link a.fq
link ref.fa
OMICS_JOB_PATHS
IFS= read -r listed <<'OMICS_JOB_LIST'
~{write_lines(sources_1)}
OMICS_JOB_LIST
while IFS= read -r file <&3 && IFS= read -r line <&4; do
  path=${line#* }
  case $path in */*) mkdir -p -- "${path%/*}" ;; esac
  case $line in
    copy\ *) cp -- "$file" "$path"; chmod u+w -- "$path" ;;
  esac
done 3< "$listed" 4<<'OMICS_JOB_PATHS'
copy call.py
OMICS_JOB_PATHS
# What an earlier task made executable may be run here.
IFS= read -r listed <<'OMICS_JOB_LIST'
~{write_lines(select_first([modes_1, []]))}
OMICS_JOB_LIST
while IFS= read -r list; do
  while IFS= read -r path; do
    if [ -f "$path" ]; then
      cp -- "$path" .omics/program
      chmod u+wx .omics/program
      mv -f -- .omics/program "$path"
    fi
  done < "$list"
done < "$listed"
export OMP_NUM_THREADS=1
export GOTO_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
cat > .omics/job <<'OMICS_JOB'

OMICS_JOB
status=0
bash .omics/job || status=$?
if [ "$status" -ne 0 ]; then
  exit "$status"
fi
# The engine takes no link for an output.
for path in a.vcf; do
  if [ -L "$path" ] && [ -e "$path" ]; then
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
broken=0
for path in a.vcf; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  fi
done
[ "$broken" -eq 0 ] || exit 1
for path in a.vcf; do
  if [ -x "$path" ]; then
    printf '%s\n' "$path" >> .omics/executables
  fi
done
)

job_2() (
cd 2
# rule call
# A failure is told by this file: it would end the run otherwise.
code_file=$PWD/.omics_code
trap 'echo "$?" > "$code_file"; exit 0' EXIT
set -euo pipefail
# A task may have none of these.
export HOME="${HOME:-/tmp}" USER="${USER:-$(id -un 2> /dev/null || id -u)}" TMPDIR="${TMPDIR:-/tmp}"
export TMP="$TMPDIR" TEMP="$TMPDIR" TEMPDIR="$TMPDIR"
mkdir -p .omics
IFS= read -r listed <<'OMICS_JOB_LIST'
~{write_lines(select_first([inputs_2, []]))}
OMICS_JOB_LIST
while IFS= read -r file <&3 && IFS= read -r line <&4; do
  path=${line#* }
  case $path in */*) mkdir -p -- "${path%/*}" ;; esac
  case $line in
    link\ *) ln -sf -- "$file" "$path" ;;
  esac
done 3< "$listed" 4<<'OMICS_JOB_PATHS'
link b.fq
link ref.fa
OMICS_JOB_PATHS
IFS= read -r listed <<'OMICS_JOB_LIST'
~{write_lines(sources_2)}
OMICS_JOB_LIST
while IFS= read -r file <&3 && IFS= read -r line <&4; do
  path=${line#* }
  case $path in */*) mkdir -p -- "${path%/*}" ;; esac
  case $line in
    copy\ *) cp -- "$file" "$path"; chmod u+w -- "$path" ;;
  esac
done 3< "$listed" 4<<'OMICS_JOB_PATHS'
copy call.py
OMICS_JOB_PATHS
# What an earlier task made executable may be run here.
IFS= read -r listed <<'OMICS_JOB_LIST'
~{write_lines(select_first([modes_2, []]))}
OMICS_JOB_LIST
while IFS= read -r list; do
  while IFS= read -r path; do
    if [ -f "$path" ]; then
      cp -- "$path" .omics/program
      chmod u+wx .omics/program
      mv -f -- .omics/program "$path"
    fi
  done < "$list"
done < "$listed"
export OMP_NUM_THREADS=1
export GOTO_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
cat > .omics/job <<'OMICS_JOB'

OMICS_JOB
status=0
bash .omics/job || status=$?
if [ "$status" -ne 0 ]; then
  exit "$status"
fi
# The engine takes no link for an output.
for path in b.vcf; do
  if [ -L "$path" ] && [ -e "$path" ]; then
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
broken=0
for path in b.vcf; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  fi
done
[ "$broken" -eq 0 ] || exit 1
for path in b.vcf; do
  if [ -x "$path" ]; then
    printf '%s\n' "$path" >> .omics/executables
  fi
done
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
    Array[File]? files_1 = if (code_1 == 0) then flatten([["1/a.vcf"], glob("1/.omics/executables")]) else None
    Int code_2 = read_int("2/.omics_code")
    Int seconds_2 = read_int("2/.omics_seconds")
    Array[File]? files_2 = if (code_2 == 0) then flatten([["2/b.vcf"], glob("2/.omics/executables")]) else None
  }

  runtime {
    container: "debian:12"
    cpu: 1
  }
}

task count_2f2f7dd8c8 {
  input {
    Array[File] inputs
  }

  command <<<
# rule count
set -euo pipefail
# A task may have none of these.
export HOME="${HOME:-/tmp}" USER="${USER:-$(id -un 2> /dev/null || id -u)}" TMPDIR="${TMPDIR:-/tmp}"
export TMP="$TMPDIR" TEMP="$TMPDIR" TEMPDIR="$TMPDIR"
mkdir -p .omics
IFS= read -r listed <<'OMICS_JOB_LIST'
~{write_lines(inputs)}
OMICS_JOB_LIST
while IFS= read -r file <&3 && IFS= read -r line <&4; do
  path=${line#* }
  case $path in */*) mkdir -p -- "${path%/*}" ;; esac
  case $line in
    link\ *) ln -sf -- "$file" "$path" ;;
  esac
done 3< "$listed" 4<<'OMICS_JOB_PATHS'
link a.vcf
link b.vcf
OMICS_JOB_PATHS
export OMP_NUM_THREADS=1
export GOTO_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export MKL_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export NUMEXPR_NUM_THREADS=1
cat > .omics/job <<'OMICS_JOB'
set -euo pipefail; wc -l results/A.fq > counts.txt
OMICS_JOB
status=0
bash .omics/job || status=$?
if [ "$status" -ne 0 ]; then
  exit "$status"
fi
# The engine takes no link for an output.
for path in counts.txt done; do
  if [ -L "$path" ] && [ -e "$path" ]; then
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
touch -- done
broken=0
for path in counts.txt done; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  fi
done
[ "$broken" -eq 0 ] || exit 1
for path in counts.txt done; do
  if [ -x "$path" ]; then
    printf '%s\n' "$path" >> .omics/executables
  fi
done
  >>>

  output {
    Array[File] files = flatten([["counts.txt", "done"], glob(".omics/executables")])
  }

  runtime {
    container: "debian:12"
    cpu: 1
    memory: "~{ceil(2.0 * size(inputs, "MB"))} MB"
  }
}
