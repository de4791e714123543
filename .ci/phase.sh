# One line a phase, with its seconds, for scripts to source. What commands print goes to the file "$log".

begin() { # what is done now
  printf '%-66s' "$1"
  began=${EPOCHREALTIME/[.,]/}
}

finish() {
  local tenths=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
  printf '%5d.%d s\n' $((tenths / 10)) $((tenths % 10))
}

phase() { # what is done, then the command
  local status=0
  begin "$1"
  shift
  "$@" >>"$log" 2>&1 || status=$?
  if ((status == 0)); then
    finish
  else
    printf 'failed\n'
    tail -n 15 "$log" >&2
    echo "All that was printed is in $log." >&2
    exit "$status"
  fi
}
