version 1.1

workflow snakemake {
  input {
    File data_fq_71dad4b8
  }

  call map_a40f74a641 {
    input: inputs = [data_fq_71dad4b8]
  }
  call sort_cf3822906f {
    input: inputs = [map_a40f74a641.files[0]]
  }
  call call_af001cbf72 {
    input: inputs = [sort_cf3822906f.files[0]]
  }

  output {
    Array[File] map_a40f74a641_files = flatten([[map_a40f74a641.files[1]], if (length(map_a40f74a641.files) > 2) then [map_a40f74a641.files[2]] else []])
    Array[File] sort_cf3822906f_files = []
    Array[File] call_af001cbf72_files = call_af001cbf72.files
    Array[File?] call_af001cbf72_logs = call_af001cbf72.logs
  }
}

task map_a40f74a641 {
  input {
    Array[File] inputs
  }

  command <<<
# rule map
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
link data.fq
OMICS_JOB_PATHS
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
for path in map.bam map.txt; do
  if [ -L "$path" ] && [ -e "$path" ]; then
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
broken=0
for path in map.bam map.txt; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  fi
done
[ "$broken" -eq 0 ] || exit 1
for path in map.bam map.txt; do
  if [ -x "$path" ]; then
    printf '%s\n' "$path" >> .omics/executables
  fi
done
  >>>

  output {
    Array[File] files = flatten([["map.bam", "map.txt"], glob(".omics/executables")])
  }

  runtime {
    container: "debian:12"
    cpu: 1
  }
}

task sort_cf3822906f {
  input {
    Array[File] inputs
  }

  command <<<
# rule sort
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
link map.bam
OMICS_JOB_PATHS
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
for path in sort.bam; do
  if [ -L "$path" ] && [ -e "$path" ]; then
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
broken=0
for path in sort.bam; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  fi
done
[ "$broken" -eq 0 ] || exit 1
for path in sort.bam; do
  if [ -x "$path" ]; then
    printf '%s\n' "$path" >> .omics/executables
  fi
done
  >>>

  output {
    Array[File] files = flatten([["sort.bam"], glob(".omics/executables")])
  }

  runtime {
    container: "debian:12"
    cpu: 1
  }
}

task call_af001cbf72 {
  input {
    Array[File] inputs
  }

  command <<<
# rule call
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
link sort.bam
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
  print_log 1.1 call.log call.log >&2
  exit "$status"
fi
# The engine takes no link for an output.
for path in call.vcf call.log; do
  if [ -L "$path" ] && [ -e "$path" ]; then
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
touch -- call.log
broken=0
for path in call.vcf; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  fi
done
[ "$broken" -eq 0 ] || exit 1
for path in call.vcf; do
  if [ -x "$path" ]; then
    printf '%s\n' "$path" >> .omics/executables
  fi
done
  >>>

  output {
    Array[File] files = flatten([["call.vcf"], glob(".omics/executables")])
    Array[File?] logs = ["call.log"]
  }

  runtime {
    container: "debian:12"
    cpu: 1
  }
}
