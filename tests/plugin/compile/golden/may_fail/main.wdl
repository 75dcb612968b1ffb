version 1.1

workflow snakemake {
  input {
    File data_A_fq_f9c6e1fc
  }

  call trim_A_f44eef2626 {
    input: inputs = [data_A_fq_f9c6e1fc]
  }
  if (length(select_all([trim_A_f44eef2626.files])) == 1) {
    call count_2f2f7dd8c8 {
      input: inputs = [select_first([trim_A_f44eef2626.files])[0]]
    }
  }

  output {
    Array[File]? trim_A_f44eef2626_files = trim_A_f44eef2626.files
    Array[File?] trim_A_f44eef2626_logs = trim_A_f44eef2626.logs
    Int trim_A_f44eef2626_code = trim_A_f44eef2626.code
    Array[File]? count_2f2f7dd8c8_files = count_2f2f7dd8c8.files
  }
}

task trim_A_f44eef2626 {
  input {
    Array[File] inputs
  }

  command <<<
# rule trim (sample=A)
# A failure is told by this file: it would end the run otherwise.
code_file=$PWD/.omics_code
trap 'echo "$?" > "$code_file"; exit 0' EXIT
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
mkdir -p -- benchmarks logs results
export OMP_NUM_THREADS=2
export GOTO_NUM_THREADS=2
export OPENBLAS_NUM_THREADS=2
export MKL_NUM_THREADS=2
export VECLIB_MAXIMUM_THREADS=2
export NUMEXPR_NUM_THREADS=2
cat > .omics/job <<'OMICS_JOB'
set -euo pipefail; cutadapt -o results/A.fq data/A.fq 2> logs/A.log
OMICS_JOB
now() { local time=${EPOCHREALTIME:-$(date +%s).000000}; printf '%s' "${time/[.,]/}"; }
printf 's\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n' \
  > benchmarks/A.tsv
for OMICS_REPEAT in 0; do
export OMICS_REPEAT
started=$(now)
status=0
bash .omics/job || status=$?
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
  print_log 1.1 logs/A.log logs/A.log >&2
  exit "$status"
fi
# The engine takes no link for an output.
for path in results/A.fq benchmarks/A.tsv logs/A.log; do
  if [ -L "$path" ] && [ -e "$path" ]; then
    cp -L -- "$path" .omics/job.settled
    rm -- "$path"
    mv -- .omics/job.settled "$path"
  fi
done
touch -- logs/A.log
broken=0
for path in results/A.fq benchmarks/A.tsv; do
  if [ ! -e "$path" ]; then
    printf 'The job ended without its output file %s\n' "$path" >&2
    broken=1
  fi
done
[ "$broken" -eq 0 ] || exit 1
for path in results/A.fq benchmarks/A.tsv; do
  if [ -x "$path" ]; then
    printf '%s\n' "$path" >> .omics/executables
  fi
done
  >>>

  output {
    Int code = read_int(".omics_code")
    Array[File]? files = if (code == 0) then flatten([["results/A.fq", "benchmarks/A.tsv"], glob(".omics/executables")]) else None
    Array[File?] logs = ["logs/A.log"]
  }

  runtime {
    container: "quay.io/biocontainers/cutadapt:4.9"
    cpu: 2
    memory: "2000 MB"
    omicsTimeout: 600  # !UnknownRuntimeKey
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
link results/A.fq
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
